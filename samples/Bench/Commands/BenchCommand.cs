using System.CommandLine;
using System.Diagnostics;
using Moe.Inference.Bench.Speed;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>bench</c>: how fast prompts are computed and tokens generated.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<int> prompt = Arguments.Count("--prompt", 512, "Tokens of a prompt; 0 for none", least: 0, aliases: "-p");
        Option<int> generate = Arguments.Count("--generate", 64, "Tokens to generate; 0 for none", least: 0, aliases: "-n");
        Option<int> depth = Arguments.Count("--depth", 0, "Tokens a conversation holds beforehand", least: 0, aliases: "-d");
        Option<int> parallel = Arguments.Count("--parallel", 1, "Conversations that generate at once; the speed is that of all together");
        Option<int> runs = Arguments.Count("--runs", 5, "Measured runs, after one that warms up; the median counts", aliases: "-r");
        Option<ulong> seed = Arguments.Seed();
        Option<bool> json = Arguments.Json();
        Command command = new("bench", "Speed of prompts and generation, load time and memory") { file, prompt, generate, depth, parallel, runs, seed, json };
        PlacementArguments placement = new(command);
        ContextArguments context = new(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            SpeedSettings settings = new(
                parsed.GetValue(prompt), parsed.GetValue(generate), parsed.GetValue(depth), parsed.GetValue(parallel), parsed.GetValue(runs), parsed.GetValue(seed));
            ContextOptions options = context.Read(parsed, settings.ContextLength, settings.Parallel);
            string path = parsed.GetRequiredValue(file);
            SpeedReport report = await MeasureAsync(path, settings, placement.Loading(parsed, path, options), options, cancellationToken);
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
                await output.WriteLineAsync(JsonOutput.Readable(report));
            else
                SpeedTable.Write(output, report);
            return 0;
        });
        return command;
    }

    private static async Task<SpeedReport> MeasureAsync(string file, SpeedSettings settings, ModelOptions loading, ContextOptions options, CancellationToken cancellationToken)
    {
        // Before, lest the load is that of the measurement.
        Machine machine = Machine.Current();
        Stopwatch watch = Stopwatch.StartNew();
        using Model model = Model.Load(file, loading, cancellationToken: cancellationToken);
        double loadSeconds = watch.Elapsed.TotalSeconds;
        watch.Restart();
        using Context context = model.CreateContext(options);
        double contextSeconds = watch.Elapsed.TotalSeconds;
        RandomTokens random = new(model, settings.Seed);
        SpeedFigures? prompt = null, generation = null;
        double planRunMilliseconds = 0;
        if (settings.Prompt > 0)
        {
            using PromptMeasurement measurement = await PromptMeasurement.CreateAsync(context, settings, random, cancellationToken);
            prompt = await measurement.RepeatAsync(settings.Runs, cancellationToken);
        }

        if (settings.Generate > 0)
        {
            using GenerationMeasurement measurement = await GenerationMeasurement.CreateAsync(context, settings, random, cancellationToken);
            generation = await measurement.RepeatAsync(settings.Runs, cancellationToken);
            planRunMilliseconds = measurement.PlanRunMilliseconds;
        }

        return new SpeedReport
        {
            Machine = machine,
            File = file,
            Architecture = model.Shape.Architecture,
            WeightBytes = model.WeightBytes,
            WeightBytesPerToken = WeightTraffic.BytesPerToken(model.Graph),
            Threads = options.ResolveThreads().Generation,
            PromptThreads = options.ResolveThreads().Prompts,
            Batch = options.MicroBatch,
            KvType = options.KvType,
            Exact = options.Exact,
            Validated = options.Validate,
            Devices = [.. loading.Devices.Select(provider => provider.Device.ToString())],
            DisabledOperations = [.. options.Operations!.Disabled],
            Steps = context.Plan.Steps.Count,
            Settings = settings,
            LoadSeconds = loadSeconds,
            ContextSeconds = contextSeconds,
            Repacked = model.Repacked,
            KvBytes = context.KvBytes,
            ComputeBytes = context.Plan.ArenaBytes.Values.Sum(),
            Prompt = prompt,
            Generation = generation,
            GenerationRunMilliseconds = planRunMilliseconds,
            Memory = MemoryUse.Current(),
        };
    }
}
