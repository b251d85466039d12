using System.CommandLine;
using Moe.Inference.Bench.Speed;
using Moe.Inference.Cuda;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>cuda-kernels</c>: how fast a GPU's product kernels are with the shapes of a mixture-of-experts model. For people who write kernels.</summary>
internal static class CudaKernelsCommand
{
    public static Command Create()
    {
        Option<int[]> tokens = new("--tokens", "-p") { Description = "Tokens that meet the weights together", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1, 4, 16, 64, 512, 2048] };
        Option<string[]> types = new("--type", "-t") { Description = "Weight types", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [nameof(ElementType.Q4_K)] };
        Option<string[]> names = new("--only") { Description = "Only products whose names begin so", AllowMultipleArgumentsPerToken = true };
        Option<int> index = new("--gpu") { Description = "The GPU's number" };
        Command command = new("cuda-kernels", "Measures the product kernels of a GPU with the shapes of Qwen3-30B-A3B") { tokens, types, names, index };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            using CudaDevice device = CudaBackend.Create(parsed.GetValue(index));
            output.WriteLine(device.Name);
            output.WriteLine($"{"product",-10}{"type",-8}{"tokens",7}{"us",11}{"TOP/s",9}{"GB/s",9}");
            string[] only = parsed.GetValue(names) ?? [];
            foreach (ElementType type in parsed.GetValue(types)!.Select(Enum.Parse<ElementType>))
            {
                foreach (ProductShape shape in ProductShape.All(type).Where(shape => only.Length == 0 || only.Any(shape.Name.StartsWith)))
                {
                    foreach (int count in parsed.GetValue(tokens)!.Where(count => count <= shape.MostTokens))
                    {
                        ProductSpeed speed = ProductSpeed.Measure(device, shape, count);
                        output.WriteLine($"{shape.Name,-10}{shape.Type,-8}{count,7}{speed.Microseconds,11:F1}{speed.TeraOperations,9:F1}{speed.GigaBytes,9:F0}");
                    }
                }
            }
        });
        return command;
    }
}
