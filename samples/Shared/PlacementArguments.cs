using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Moe.Inference.Execution;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Samples;

/// <summary>The options that decide where tensors live, named and meant as llama.cpp's are.</summary>
internal sealed class PlacementArguments
{
    private readonly Option<PlannedDevice[]> _devices = new("--devices")
    {
        Description = "Devices with their memory, such as CUDA0, or CPU,SIM0:24GiB; the host alone if not given. Sizes of the host and of GPUs count in plans only",
        CustomParser = ParseDevices,
    };

    private readonly Option<string[]> _overrides = new("--override-tensor", "-ot") { Description = "REGEX=DEVICE, several separated by commas; the first that matches a tensor's name wins" };
    private readonly Option<bool> _cpuMoe = new("--cpu-moe", "-cmoe") { Description = "Keep all experts on the host" };
    private readonly Option<int?> _cpuMoeLayers = new Option<int?>("--n-cpu-moe", "-ncmoe") { Description = "Keep the experts of the first N layers on the host" }.Within(0);
    private readonly Option<int?> _gpuLayers = new Option<int?>("--gpu-layers", "-ngl") { Description = "Layers on GPUs, the last ones; the output counts as one more" }.Within(0);
    private readonly Option<double[]> _shares = new("--tensor-split", "-ts")
    {
        Description = "Shares of the GPUs, such as 3,1; by their memory if not given",
        CustomParser = result => Each(result, text => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)),
    };

    private readonly Option<bool> _fit = new("--fit") { Description = "Fill the GPUs with what is most useful there, as far as it fits" };
    private readonly Option<bool> _kvOnHost = new("--kv-on-host", "--no-kv-offload", "-nkvo") { Description = "Keep key/value memory, and attention with it, on the host" };
    private readonly HostArguments _host;

    public PlacementArguments(Command command)
    {
        _host = new HostArguments(command);
        foreach (Option option in All)
            command.Add(option);
        command.Validators.Add(result =>
        {
            if (result.GetValue(_fit) && (result.GetValue(_gpuLayers) is not null || result.GetValue(_shares) is { Length: > 0 }))
                result.AddError("--fit decides what --gpu-layers and --tensor-split would");
        });
    }

    private Option[] All => [_devices, _overrides, _cpuMoe, _cpuMoeLayers, _gpuLayers, _shares, _fit, _kvOnHost];

    /// <summary>The devices that were given, to plan for.</summary>
    public PlannedDevice[] Devices(ParseResult parsed) => parsed.GetValue(_devices) ?? [];

    /// <summary>Whether weights are to be repacked.</summary>
    public Repacking Repacking(ParseResult parsed) => _host.Repacking(parsed);

    /// <summary>How to load a model so that it runs as was asked for; reads the file's headers if anything was.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="file">The model's file.</param>
    /// <param name="options">The context that will be made.</param>
    /// <exception cref="UsageException">A device is not here, or the options do not go together.</exception>
    public ModelOptions Loading(ParseResult parsed, string file, ContextOptions options)
    {
        ModelOptions host = _host.Loading(parsed, options);
        if (!All.Any(option => parsed.GetResult(option) is { Implicit: false }))
            return host;
        IDeviceProvider[] devices = [.. Devices(parsed).Where(device => !device.Device.IsCpu).Select(OpenDevices.Open)];
        return host with { Devices = devices, Placement = Read(parsed, ModelOutline.Read(file), options, devices) };
    }

    /// <summary>The placement that was asked for. Overrides come first, then experts on the host, then layers.</summary>
    public DevicePlacement Read(ParseResult parsed, ModelOutline model, ContextOptions options, IReadOnlyList<IDeviceProvider> devices)
    {
        IDeviceProvider[] gpus = [.. devices.Where(device => !device.Device.IsCpu)];
        try
        {
            DevicePlacement placement = DevicePlacement.LayersByShare(model.Shape.Layers, parsed.GetValue(_gpuLayers) ?? 0, Shares(parsed, gpus));
            foreach (string text in parsed.GetValue(_overrides) ?? [])
                placement = placement.WithOverride(text);
            if (parsed.GetValue(_cpuMoe))
                placement = placement.ExpertsOnCpu();
            placement = placement.ExpertsOnCpu(parsed.GetValue(_cpuMoeLayers) ?? 0).WithKvOnHost(parsed.GetValue(_kvOnHost));
            return parsed.GetValue(_fit) ? PlacementPlanner.FitTo(model, devices, options, placement) : placement;
        }
        catch (Exception problem) when (problem is FormatException or ArgumentException)
        {
            throw new UsageException(problem.Message.ReplaceLineEndings(" "));
        }
    }

    private (Device Device, double Share)[] Shares(ParseResult parsed, IDeviceProvider[] gpus)
    {
        double[] given = parsed.GetValue(_shares) ?? [];
        if (given.Length > gpus.Length)
            throw new UsageException($"--tensor-split has {given.Length} shares for {gpus.Length} GPUs");
        if (gpus.Length == 0)
            return parsed.GetValue(_gpuLayers) > 0 ? throw new UsageException("--gpu-layers needs GPUs among --devices") : [(Device.Cpu, 1)];
        if (given.Length > 0)
            return [.. gpus.Select((gpu, i) => (gpu.Device, i < given.Length ? given[i] : 0))];
        bool known = gpus.All(gpu => gpu.MemoryBytes > 0);
        return [.. gpus.Select(gpu => (gpu.Device, known ? (double)gpu.MemoryBytes!.Value : 1))];
    }

    private static PlannedDevice[] ParseDevices(ArgumentResult result)
    {
        PlannedDevice[] devices = Each(result, PlannedDevice.Parse);
        foreach (Device twice in devices.CountBy(device => device.Device).Where(pair => pair.Value > 1).Select(pair => pair.Key))
            result.AddError($"{result.Argument.Name}: {twice} comes more than once");
        return devices;
    }

    private static T[] Each<T>(ArgumentResult result, Func<string, T> parse)
    {
        List<T> values = [];
        foreach (string text in result.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            try
            {
                values.Add(parse(text));
            }
            catch (FormatException problem)
            {
                result.AddError($"{result.Argument.Name}: {problem.Message}");
            }
        }

        return [.. values];
    }
}
