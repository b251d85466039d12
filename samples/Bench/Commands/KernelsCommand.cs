using System.CommandLine;
using Moe.Inference.Bench.Speed;
using Moe.Inference.Cpu.Jit;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>kernels</c>: whether this machine's kernels are right, and how fast one core multiplies with each of them.</summary>
internal static class KernelsCommand
{
    private const int Failed = 1;

    public static Command Create()
    {
        Option<int> tokens = Arguments.Count("--tokens", 64, "Tokens that meet the weights together", aliases: "-p");
        Option<int> rows = Arguments.Count("--rows", 64, "Rows of weights", aliases: "-r");
        Option<int> length = Arguments.Count("--length", 2048, "Weights of a row, a multiple of 256", aliases: "-k");
        Option<string[]> paths = new("--path") { Description = "Only these paths", AllowMultipleArgumentsPerToken = true };
        Option<string[]> types = new("--type") { Description = "Only these element types", AllowMultipleArgumentsPerToken = true };
        Command command = new("kernels", "Checks the product kernels of all formats and paths of this machine, and measures one core's speed") { tokens, rows, length, paths, types };
        command.SetAction(parsed =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            int k = parsed.GetValue(length) / 256 * 256;
            bool right = true;
            output.WriteLine($"{"type",-8}{"path",-16}{"GMAC/s",8}  result");
            foreach (KernelSpeed speed in KernelSpeed.Measure(parsed.GetValue(rows), parsed.GetValue(tokens), Math.Max(k, 256), parsed.GetValue(types) ?? [], parsed.GetValue(paths) ?? []))
            {
                output.WriteLine($"{speed.Type,-8}{$"{speed.Path}{(speed.IsPacked ? " packed" : "")}",-16}{speed.GigaMultiplications,8:F1}  {(speed.IsRight ? "right" : "WRONG")}");
                right &= speed.IsRight;
            }
            foreach ((string name, string reason) in JitTiles.Dropped)
                output.WriteLine($"dropped: {name}: {reason}");
            return right && JitTiles.Dropped.Count == 0 ? 0 : Failed;
        });
        return command;
    }
}
