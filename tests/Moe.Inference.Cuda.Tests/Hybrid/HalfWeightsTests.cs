using Moe.Inference.Gguf;
using Moe.Inference.Placement;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Hybrid;

/// <summary>Weights that are not rounded to blocks, and so meet activations that are not rounded either.</summary>
public sealed class HalfWeightsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("moe-half");

    [SkippableFact]
    public async Task Halves_on_the_GPU_give_the_probabilities_of_the_host()
    {
        CudaDevice device = TestGpu.Require();
        string path = Path.Combine(_folder.FullName, "half.gguf");
        WriteHalves(ShippedModel.Path, path);
        ContextOptions options = new() { ContextLength = 256, MicroBatch = 32, Threads = 2 };
        using Model host = Model.Load(path);
        using Model gpu = Model.Load(path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
        host.Graph.Nodes.SelectMany(node => node.Weights).Should().OnlyContain(weight => weight.Type == ElementType.F16 || weight.Type == ElementType.F32);
        int count = TestGpu.IsEmulated ? 30 : 61;
        Divergence.Mean(await ShippedModel.LogitsAsync(host, options, count), await ShippedModel.LogitsAsync(gpu, options, count)).Should().BeLessThan(1e-4);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static void WriteHalves(string source, string target)
    {
        using GgufFile file = GgufFile.Open(source);
        using GgufContent content = file.Map();
        GgufWriter writer = new GgufWriter().SetAll(file.Metadata);
        foreach (GgufTensor tensor in file.Tensors)
        {
            bool plain = tensor.Type is ElementType.F32 or ElementType.F16 or ElementType.BF16;
            writer.AddTensor(tensor.Name, plain ? tensor.Type : ElementType.F16, tensor.Dimensions, stream => Write(stream, content, tensor, plain));
        }

        writer.Write(target);
    }

    private static void Write(Stream stream, GgufContent content, GgufTensor tensor, bool plain)
    {
        float[] row = new float[tensor.RowLength];
        byte[] halves = new byte[tensor.RowLength * 2];
        for (long i = 0; i < tensor.Rows; i++)
        {
            ReadOnlySpan<byte> encoded = content.GetRows(tensor, i, 1);
            if (plain)
            {
                stream.Write(encoded);
                continue;
            }

            QuantFormats.Of(tensor.Type).Decode(encoded, row);
            QuantFormats.Of(ElementType.F16).Encode(row, halves);
            stream.Write(halves);
        }
    }
}
