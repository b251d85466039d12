using System.CommandLine;
using System.Diagnostics;
using Moe.Inference.Bench.Comparison;
using Moe.Inference.Bench.Speed;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>compare</c>: our speed and llama.cpp's on the same file, measured in turn.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<string> peer = new("--peer") { Description = "The folder in which 'npm install --ignore-scripts node-llama-cpp' was run", DefaultValueFactory = _ => "." };
        Option<int> prompt = Arguments.Count("--prompt", 512, "Tokens of a prompt; 0 for none", least: 0, aliases: "-p");
        Option<int> generate = Arguments.Count("--generate", 64, "Tokens to generate; 0 for none", least: 0, aliases: "-n");
        Option<int> depth = Arguments.Count("--depth", 0, "Tokens a conversation holds beforehand", least: 0, aliases: "-d");
        Option<int> parallel = Arguments.Count("--parallel", 1, "Conversations that generate at once; the speed is that of all together");
        Option<int> rounds = Arguments.Count("--rounds", 5, "Measured rounds, after one that warms up", aliases: "-r");
        Option<ulong> seed = Arguments.Seed();
        Option<bool> json = Arguments.Json();
        Command command = new("compare", "Our speed on the CPU and that of llama.cpp, by way of Node.js, in turn on the same file") { file, peer, prompt, generate, depth, parallel, rounds, seed, json };
        HostArguments host = new(command);
        ContextArguments context = new(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            SpeedSettings settings = new(parsed.GetValue(prompt), parsed.GetValue(generate), parsed.GetValue(depth), parsed.GetValue(parallel), parsed.GetValue(rounds), parsed.GetValue(seed));
            ContextOptions options = context.Read(parsed, settings.ContextLength, settings.Parallel);
            CompareReport report = await CompareAsync(
                parsed.GetRequiredValue(file), parsed.GetValue(peer)!, settings, host.Loading(parsed, options), options, cancellationToken);
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
                await output.WriteLineAsync(JsonOutput.Readable(report));
            else
                CompareTable.Write(output, report);
            return 0;
        });
        return command;
    }

    private static async Task<CompareReport> CompareAsync(
        string file, string peerFolder, SpeedSettings settings, ModelOptions loading, ContextOptions options, CancellationToken cancellationToken)
    {
        Machine machine = Machine.Current();
        Stopwatch watch = Stopwatch.StartNew();
        using Model model = Model.Load(file, loading, cancellationToken: cancellationToken);
        using Context context = model.CreateContext(options);
        double loadSeconds = watch.Elapsed.TotalSeconds;
        using PeerProcess peer = await PeerProcess.StartAsync(peerFolder, file, options.ResolveThreads().Generation, settings, cancellationToken);
        RandomTokens random = new(model, settings.Seed);
        string depth = settings.Depth > 0 ? $" after {settings.Depth}" : "";
        List<ComparedFigures> figures = [];
        if (settings.Prompt > 0)
        {
            using PromptMeasurement ours = await PromptMeasurement.CreateAsync(context, settings, random, cancellationToken);
            figures.Add(await ComparedFigures.MeasureAsync($"prompt of {settings.Prompt}{depth}", ours, peer.PromptAsync, settings.Runs, cancellationToken));
        }

        if (settings.Generate > 0)
        {
            using GenerationMeasurement ours = await GenerationMeasurement.CreateAsync(context, settings, random, cancellationToken);
            figures.Add(await ComparedFigures.MeasureAsync($"generation of {settings.GenerationText}{depth}", ours, peer.GenerateAsync, settings.Runs, cancellationToken));
        }

        return new CompareReport
        {
            Machine = machine,
            File = Path.GetFileName(file),
            Peer = $"node-llama-cpp {peer.Version}",
            Threads = options.ResolveThreads().Generation,
            Repacking = loading.Repacking,
            Settings = settings,
            LoadSeconds = loadSeconds,
            PeerLoadSeconds = peer.LoadSeconds,
            Figures = figures,
        };
    }
}
