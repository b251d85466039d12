using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>synth</c>: a model of real shape and random weights, for measurements that do not depend on what it says.</summary>
internal static class SynthCommand
{
    public static Command Create()
    {
        Argument<string> preset = new("PRESET") { Description = "The shape" };
        preset.AcceptOnlyFromAmong([.. ModelShape.Presets.Keys]);
        Argument<string> path = new("OUT") { Description = "The file to write; replaced if it is there" };
        Option<ElementType> type = Type("--type", ElementType.Q4_K, "Element type of matrices");
        Option<ElementType> outputType = Type("--output-type", ElementType.Q6_K, "Element type of the output matrix");
        Option<ulong> seed = Arguments.Seed();
        Command command = new("synth", "Writes a model of a real shape with random weights, complete with a vocabulary") { preset, path, type, outputType, seed };
        command.SetAction(parsed =>
        {
            Stopwatch watch = Stopwatch.StartNew();
            string target = parsed.GetRequiredValue(path);
            ModelShape shape = ModelShape.Presets[parsed.GetRequiredValue(preset)];
            SyntheticModel model = new(shape, parsed.GetValue(type), parsed.GetValue(outputType), parsed.GetValue(seed));
            model.Write(target);
            double gigabytes = new FileInfo(target).Length / 1e9;
            parsed.InvocationConfiguration.Output.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{target}: {model.ParameterCount / 1e9:F3} billion parameters, {gigabytes:F3} GB, in {watch.Elapsed.TotalSeconds:F1} s"));
            return 0;
        });
        return command;
    }

    private static Option<ElementType> Type(string name, ElementType otherwise, string description) => new(name)
    {
        Description = $"{description}: {string.Join(", ", QuantFormats.Types.Order()).ToLowerInvariant()}",
        DefaultValueFactory = _ => otherwise,
        CustomParser = result =>
        {
            string text = result.Tokens.Single().Value;
            if (Enum.TryParse(text, ignoreCase: true, out ElementType value) && QuantFormats.TryGet(value, out _))
                return value;
            result.AddError($"{name}: '{text}' is no type that can be encoded; known types: {string.Join(", ", QuantFormats.Types.Order()).ToLowerInvariant()}");
            return default;
        },
    };
}
