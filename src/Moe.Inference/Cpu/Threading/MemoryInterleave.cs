using System.Runtime.InteropServices;

namespace Moe.Inference.Cpu.Threading;

/// <summary>
/// Spreads memory over the nodes of a machine page by page (Linux, <c>mbind</c> and <c>set_mempolicy</c>), so that threads of all nodes read it at
/// the speed of all nodes together. Without it, a page lies on the node of the thread that touches it first.
/// </summary>
internal sealed unsafe partial class MemoryInterleave
{
    // include/uapi/linux/mempolicy.h
    private const int InterleavePolicy = 3;
    private const int MaskWords = 16, WordBits = 64, MaskBits = MaskWords * WordBits;
    private static readonly (nint Bind, nint SetPolicy, nint GetPolicy) Calls =
        RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? (235, 237, 236) : (237, 238, 239);

    private readonly int[] _nodes;

    private MemoryInterleave(int[] nodes) => _nodes = nodes;

    /// <summary>Why the system refused, the first time it did; null if it never has.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Over the nodes that have memory; null where there is only one, or where this system has no such calls: nothing is to be done then.</summary>
    public static MemoryInterleave? Over(IReadOnlyList<NumaNode> nodes)
    {
        int[] withMemory = [.. nodes.Where(node => node.HasMemory && node.Id < MaskBits).Select(node => node.Id)];
        bool supported = OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;
        return withMemory.Length > 1 && supported ? new MemoryInterleave(withMemory) : null;
    }

    /// <summary>Spreads memory that nobody has touched yet.</summary>
    /// <param name="address">Where it begins.</param>
    /// <param name="bytes">Its length. Whole pages of it are spread.</param>
    public void Spread(nint address, nint bytes)
    {
        nint page = Environment.SystemPageSize, first = (address + page - 1) & -page, last = (address + bytes) & -page;
        if (last <= first)
            return;
        ulong* mask = stackalloc ulong[MaskWords];
        Note(Call(Calls.Bind, first, last - first, InterleavePolicy, (nint)Mask(mask), MaskBits, 0));
    }

    /// <summary>
    /// Spreads whatever the calling thread allocates until the result is disposed, pages of files among it that were not in memory before.
    /// </summary>
    public IDisposable Begin()
    {
        ulong* mask = stackalloc ulong[MaskWords];
        int policy = 0;
        ulong[] before = new ulong[MaskWords];
        nint known;
        fixed (ulong* saved = before)
            known = Call(Calls.GetPolicy, (nint)(&policy), (nint)saved, MaskBits, 0, 0, 0);
        if (!Note(known) || !Note(Call(Calls.SetPolicy, InterleavePolicy, (nint)Mask(mask), MaskBits, 0, 0, 0)))
            return new Scope(0, null);
        return new Scope(policy, before);
    }

    /// <inheritdoc/>
    public override string ToString() => Refusal is null ? $"memory interleaved over nodes {ProcessorList.Text(_nodes)}" : $"memory not interleaved, as the system refuses: {Refusal}";

    private ulong* Mask(ulong* mask)
    {
        new Span<ulong>(mask, MaskWords).Clear();
        foreach (int node in _nodes)
            mask[node / WordBits] |= 1ul << (node % WordBits);
        return mask;
    }

    private bool Note(nint result)
    {
        if (result < 0)
            Refusal ??= Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
        return result >= 0;
    }

    // The C library has no functions for these calls.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Call(nint number, nint first, nint second, nint third, nint fourth, nint fifth, nint sixth);

    private sealed class Scope(int policy, ulong[]? nodes) : IDisposable
    {
        public void Dispose()
        {
            if (nodes is null)
                return;
            // The default policy takes no nodes.
            fixed (ulong* saved = nodes)
                Call(Calls.SetPolicy, policy, policy == 0 ? 0 : (nint)saved, policy == 0 ? 0 : MaskBits, 0, 0, 0);
        }
    }
}
