using System.CommandLine;
using System.Globalization;
using Moe.Inference.Bench.Speed;
using Moe.Inference.Execution;
using Moe.Inference.Gguf;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>load</c>: how long loading takes and where the time goes, beside what the file and the link to each device can do.</summary>
internal static class LoadCommand
{
    private const long SampleBytes = 2L << 30;

    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<int> repeats = Arguments.Count("--repeats", 3, "Times that the model is loaded", aliases: "-r");
        Command command = new("load", "Time of loading, beside the speeds of the file and of the link to each device") { file, repeats };
        PlacementArguments placement = new(command);
        ContextArguments context = new(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            string path = parsed.GetRequiredValue(file);
            TextWriter output = parsed.InvocationConfiguration.Output;
            ModelOptions options = placement.Loading(parsed, path, context.Read(parsed, 1));
            double slowest = WriteFile(output, path);
            foreach (IDeviceProvider device in options.Devices)
                slowest = Math.Min(slowest, WriteLink(output, device));
            Write(output, $"{"load",-6}{"total ms",10}{"headers",9}{"mapping",9}{"sending",9}{"allocating",12}{"sent GB/s",11}{"of slower",11}");
            for (int i = 0; i < parsed.GetValue(repeats); i++)
                WriteLoad(output, i, path, options, slowest, cancellationToken);
            return Task.FromResult(0);
        });
        return command;
    }

    // Of one thread, of all, and of all again, when what is not yet in the page cache may be there.
    private static double WriteFile(TextWriter output, string path)
    {
        using GgufFile file = GgufFile.Open(path);
        int threads = Environment.ProcessorCount;
        double one = FileSpeed.Measure(file.Parts, 1, SampleBytes), first = FileSpeed.Measure(file.Parts, threads), again = FileSpeed.Measure(file.Parts, threads);
        Write(output, $"file   {file.TensorBytes / 1e9:F1} GB in {file.Tensors.Count} tensors; read by 1 thread {one / 1e9:F1} GB/s, by {threads} {first / 1e9:F1} GB/s, again {again / 1e9:F1} GB/s");
        return again;
    }

    private static double WriteLink(TextWriter output, IDeviceProvider device)
    {
        using IBackend backend = device.Open();
        double link = SpeedProbe.LockedLink(backend);
        Write(output, $"link   to {device.Device} from locked memory {link / 1e9:F1} GB/s");
        return link;
    }

    private static void WriteLoad(TextWriter output, int number, string path, ModelOptions options, double slowest, CancellationToken cancellationToken)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        using Model model = Model.Load(path, options, cancellationToken: cancellationToken);
        TimeSpan total = System.Diagnostics.Stopwatch.GetElapsedTime(start);
        LoadTimes times = model.LoadTimes;
        double speed = times.UploadedBytes > 0 ? times.UploadedBytes / times.Uploading.TotalSeconds : 0;
        Write(output, $"{number + 1,-6}{total.TotalMilliseconds,10:F0}{times.Headers.TotalMilliseconds,9:F0}{times.Bringing.TotalMilliseconds,9:F0}{times.Uploading.TotalMilliseconds,9:F0}{times.Allocating.TotalMilliseconds,12:F0}{speed / 1e9,11:F1}{speed / slowest,11:P0}");
    }

    private static void Write(TextWriter output, FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
