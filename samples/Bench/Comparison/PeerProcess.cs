using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Moe.Inference.Bench.Speed;

namespace Moe.Inference.Bench.Comparison;

/// <summary>llama.cpp in a process of its own, by Node.js and the package node-llama-cpp, which is driven line by line (peer.mjs).</summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private PeerProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The version of the package.</summary>
    public string Version { get; private set; } = "";

    /// <summary>How long it took to load the model and to make it ready, in seconds.</summary>
    public double LoadSeconds { get; private set; }

    /// <summary>Starts it and waits until it has loaded the model.</summary>
    /// <param name="folder">The folder into which <c>npm install --ignore-scripts node-llama-cpp</c> has put it.</param>
    /// <param name="file">The model.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <param name="settings">What will be measured.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="UsageException">There is no Node.js or no such package.</exception>
    /// <exception cref="IOException">It ended.</exception>
    public static async Task<PeerProcess> StartAsync(string folder, string file, int threads, SpeedSettings settings, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(Path.Combine(folder, "node_modules", "node-llama-cpp")))
            throw new UsageException($"--peer: '{folder}' has no node_modules/node-llama-cpp; 'npm install --ignore-scripts node-llama-cpp' there brings it");
        string arguments = JsonOutput.Compact(new { File = Path.GetFullPath(file), Threads = threads, settings.Prompt, settings.Generate, settings.Depth, settings.Parallel });
        PeerProcess peer = new(Start(new ProcessStartInfo("node", ["--input-type=module", "--eval", Script(), "--", arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }));
        try
        {
            JsonElement ready = await peer.ReadAsync(cancellationToken);
            peer.Version = ready.GetProperty("version").GetString() ?? "unknown";
            peer.LoadSeconds = ready.GetProperty("load_seconds").GetDouble();
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    /// <summary>Computes a prompt.</summary>
    public Task<TimeSpan> PromptAsync(CancellationToken cancellationToken) => MeasureAsync("prompt", cancellationToken);

    /// <summary>Generates tokens.</summary>
    public Task<TimeSpan> GenerateAsync(CancellationToken cancellationToken) => MeasureAsync("generate", cancellationToken);

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception problem)
        {
            throw new UsageException($"the peer needs Node.js: {problem.Message}");
        }
    }

    private static string Script()
    {
        using StreamReader reader = new(typeof(PeerProcess).Assembly.GetManifestResourceStream("peer.mjs")!);
        return reader.ReadToEnd();
    }

    private async Task<TimeSpan> MeasureAsync(string what, CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteLineAsync(what.AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
        return TimeSpan.FromSeconds((await ReadAsync(cancellationToken)).GetProperty("seconds").GetDouble());
    }

    // What its libraries print besides is passed over.
    private async Task<JsonElement> ReadAsync(CancellationToken cancellationToken)
    {
        while (await _process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            if (!line.StartsWith('{'))
                continue;
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.Clone();
        }

        string errors = await _errors.WaitAsync(cancellationToken);
        throw new IOException($"the peer ended: {errors.Split('\n').FirstOrDefault(text => text.Contains("Error:", StringComparison.Ordinal)) ?? errors}");
    }
}
