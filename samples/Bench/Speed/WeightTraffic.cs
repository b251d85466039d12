using Moe.Inference.Gguf;

namespace Moe.Inference.Bench.Speed;

/// <summary>How much of a model's weights one generated token reads: what memory bandwidth allows at the most.</summary>
internal static class WeightTraffic
{
    private const string Embedding = "token_embd.weight";
    private const string Output = "output.weight";

    /// <summary>Bytes of weights read for one token of one conversation.</summary>
    /// <param name="file">The model's file.</param>
    /// <param name="experts">Experts of a layer; 0 for a dense model.</param>
    /// <param name="used">Experts chosen for a token.</param>
    public static long BytesPerToken(GgufFile file, int experts, int used)
    {
        long sum = 0;
        foreach (GgufTensor tensor in file.Tensors)
        {
            if (tensor.Name.Contains("_exps.", StringComparison.Ordinal) && experts > 0)
                sum += tensor.ByteLength / experts * used;
            else if (tensor.Name == Embedding && file.TryGetTensor(Output, out _))
                sum += tensor.RowBytes;
            else
                sum += tensor.ByteLength;
        }

        return sum;
    }
}
