using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Execution;

/// <summary>
/// Captured graphs of a queue's sequences of commands. A sequence is captured when it comes for the second time. The key is the whole
/// sequence: programs, run sizes, addresses; what else may change from run to run lies in memory that the commands read.
/// </summary>
/// <param name="stream">The stream that graphs are captured from and launched on.</param>
/// <param name="device">The device, as errors name it.</param>
internal sealed unsafe class GraphCache(nint stream, string device) : IDisposable
{
    // Sequences beyond this many are more than a context's batch sizes make; then it starts afresh.
    private const int MostEntries = 1024;
    private const int RelaxedCapture = 2;

    private readonly Dictionary<int, List<Entry>> _entries = [];
    private int _count;

    /// <summary>Graphs captured so far.</summary>
    public long Captured { get; private set; }

    /// <summary>Graph launches so far.</summary>
    public long Launched { get; private set; }

    /// <summary>Runs a sequence: by its graph where there is one.</summary>
    /// <param name="commands">The sequence.</param>
    /// <param name="enqueue">Enqueues the commands one by one.</param>
    public void Run(ReadOnlySpan<Command> commands, Action<Command> enqueue)
    {
        Entry? entry = Find(commands);
        if (entry is null)
        {
            Add(commands);
            foreach (Command command in commands)
                enqueue(command);
            return;
        }

        if (entry.Executable == 0 || !SameBytes(entry, commands))
            Capture(entry, commands, enqueue);
        Driver.GraphLaunch(entry.Executable, stream).ThrowIfFailed("launch", "a graph", device);
        Launched++;
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private static int HashOf(ReadOnlySpan<Command> commands)
    {
        HashCode hash = default;
        foreach (Command command in commands)
            hash.Add(command with { Bytes = 0 });
        return hash.ToHashCode();
    }

    private static bool SameBytes(Entry entry, ReadOnlySpan<Command> commands)
    {
        for (int i = 0; i < commands.Length; i++)
        {
            if (entry.Commands[i].Bytes != commands[i].Bytes)
                return false;
        }

        return true;
    }

    private static bool Matches(Entry entry, ReadOnlySpan<Command> commands)
    {
        if (entry.Commands.Length != commands.Length)
            return false;
        for (int i = 0; i < commands.Length; i++)
        {
            if (!entry.Commands[i].IsLike(commands[i]))
                return false;
        }

        return true;
    }

    private Entry? Find(ReadOnlySpan<Command> commands)
    {
        if (!_entries.TryGetValue(HashOf(commands), out List<Entry>? candidates))
            return null;
        foreach (Entry candidate in candidates)
        {
            if (Matches(candidate, commands))
                return candidate;
        }

        return null;
    }

    private void Add(ReadOnlySpan<Command> commands)
    {
        if (_count >= MostEntries)
            Clear();
        ref List<Entry>? list = ref CollectionsMarshal.GetValueRefOrAddDefault(_entries, HashOf(commands), out _);
        (list ??= []).Add(new Entry(commands.ToArray()));
        _count++;
    }

    private void Capture(Entry entry, ReadOnlySpan<Command> commands, Action<Command> enqueue)
    {
        entry.Free();
        nint graph = 0, executable = 0;
        Driver.StreamBeginCapture(stream, RelaxedCapture).ThrowIfFailed("capture", "a graph", device);
        try
        {
            foreach (Command command in commands)
                enqueue(command);
        }
        catch
        {
            // The stream must not stay in capture.
            if (Driver.StreamEndCapture(stream, &graph) == CudaResult.Success && graph != 0)
                _ = Driver.GraphDestroy(graph);
            throw;
        }

        Driver.StreamEndCapture(stream, &graph).ThrowIfFailed("capture", "a graph", device);
        try
        {
            Driver.GraphInstantiate(&executable, graph, 0).ThrowIfFailed("instantiate", "a graph", device);
        }
        finally
        {
            _ = Driver.GraphDestroy(graph);
        }

        commands.CopyTo(entry.Commands);
        entry.Executable = executable;
        Captured++;
    }

    private void Clear()
    {
        foreach (Entry entry in _entries.Values.SelectMany(list => list))
            entry.Free();
        _entries.Clear();
        _count = 0;
    }

    private sealed class Entry(Command[] commands)
    {
        public Command[] Commands => commands;

        public nint Executable { get; set; }

        public void Free()
        {
            if (Executable != 0)
                _ = Driver.GraphExecutableDestroy(Executable);
            Executable = 0;
        }
    }
}
