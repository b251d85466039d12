using System.Diagnostics;
using System.Globalization;

namespace Moe.Inference.Testing;

/// <summary>A soak: combinations one after the other, and what went wrong.</summary>
internal sealed class SoakRun : IDisposable
{
    // Loading copies all weights, so a placement serves several combinations.
    private const int PerPlacement = 10;
    private const int MostSlices = 50;
    private const int PlacementStream = 1;
    private const int CombinationStream = 2;
    private const double PausesBefore = 0.1;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMicroseconds(100);

    private readonly HybridReference _reference;
    private readonly int _seed;
    private readonly TextWriter _log;

    public SoakRun(string modelPath, int seed, TextWriter log)
    {
        _reference = new HybridReference(modelPath);
        _seed = seed;
        _log = log;
    }

    /// <summary>Gives the model back.</summary>
    public void Dispose() => _reference.Dispose();

    /// <summary>Runs combinations.</summary>
    public async Task<HybridSoakResult> RunAsync(int first, int count, CancellationToken cancellation)
    {
        Stopwatch watch = Stopwatch.StartNew();
        await _log.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"seed {_seed}, combinations {first} to {first + count - 1}")).ConfigureAwait(false);
        List<string> failures = [];
        int slice = Math.Max(1, count / MostSlices);
        int number = first;
        while (number < first + count)
        {
            int end = Math.Min(((number / PerPlacement) + 1) * PerPlacement, first + count);
            await RunPlacementAsync(number, end, failures, cancellation).ConfigureAwait(false);
            if ((end - first) / slice != (number - first) / slice)
                await _log.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{end - first} done, {failures.Count} failed, {watch.Elapsed.TotalSeconds:F1} s")).ConfigureAwait(false);
            number = end;
        }

        return new HybridSoakResult(count, failures, watch.Elapsed);
    }

    private async Task RunPlacementAsync(int number, int end, List<string> failures, CancellationToken cancellation)
    {
        Random random = RandomOf(PlacementStream, number / PerPlacement);
        IReadOnlyList<HybridPlacement> usual = HybridPlacement.Usual(_reference.Model.Shape.Layers);
        int drawn = random.Next(2 * usual.Count);
        HybridPlacement placement = drawn < usual.Count ? usual[drawn] : HybridPlacement.Draw(random, _reference.Model.Shape.Layers);
        placement = placement.WithKvOnHost(random.Next(2) == 0);
        SimulatedDevice[] devices;
        using (HybridModel model = new(_reference, placement, new SimulatedDeviceOptions { MaxDelay = LongestPause, DelayProbability = PausesBefore, Seed = random.Next(), CopiesFromPeers = random.Next(2) == 0 }))
        {
            devices = [.. model.Devices.Cast<SimulatedDevice>()];
            for (; number < end; number++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (await RunOneAsync(model, number).ConfigureAwait(false) is { } failure)
                    await ReportAsync(failures, number, failure).ConfigureAwait(false);
            }
        }

        foreach (SimulatedDevice device in devices.Where(device => device.LiveBuffers > 0 || device.LiveBackends > 0))
            await ReportAsync(failures, end - 1, $"{device.LiveBuffers} buffers and {device.LiveBackends} queues of {device.Device} stay behind").ConfigureAwait(false);
    }

    private async Task<string?> RunOneAsync(HybridModel model, int number)
    {
        Random random = RandomOf(CombinationStream, number);
        HybridSwitches switches = HybridSwitches.Draw(random, _reference.TakesQuantizedKv);
        HybridScript script = HybridScript.Draw(random, switches.MicroBatch);
        try
        {
            return await model.CompareAsync(switches, script).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever it is, it is a failure of this combination, and the others go on.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            return $"{problem}\n  {model.Placement}\n  {switches}\n  {script}";
        }
    }

    private async Task ReportAsync(List<string> failures, int number, string failure)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"combination {number} of seed {_seed}: {failure}");
        failures.Add(text);
        await _log.WriteLineAsync(text).ConfigureAwait(false);
    }

    // Not by HashCode, which differs from process to process.
    private Random RandomOf(int stream, int number) => new(unchecked((_seed * 1_000_003) + (number * 7_919) + (stream * 104_729)));
}
