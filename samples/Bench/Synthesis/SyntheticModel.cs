using System.Runtime.InteropServices;
using Moe.Inference.Gguf;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Synthesis;

/// <summary>
/// A model of random weights: matrices of Gaussian numbers with variance 1/(row length), so that activations stay in range; normalizations
/// of ones. Written tensor by tensor, never held in memory.
/// </summary>
internal sealed class SyntheticModel
{
    private readonly ModelShape _shape;
    private readonly GgufWriter _writer = new();
    private readonly WeightPools _pools;

    /// <summary>Describes a model; nothing is written yet.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="type">Element type of matrices.</param>
    /// <param name="outputType">Element type of the output matrix.</param>
    /// <param name="seed">Where random numbers start: the same seed gives the same file.</param>
    public SyntheticModel(ModelShape shape, ElementType type, ElementType outputType, ulong seed)
    {
        _shape = shape;
        _pools = new WeightPools(seed);
        Describe();
        SyntheticVocabulary.Describe(_writer, shape.Vocabulary);
        Matrix("token_embd.weight", shape.TiedOutput ? outputType : type, shape.Width, shape.Vocabulary);
        if (!shape.TiedOutput)
            Matrix("output.weight", outputType, shape.Width, shape.Vocabulary);
        Norm("output_norm.weight", shape.Width);
        for (int layer = 0; layer < shape.Layers; layer++)
            AddLayer($"blk.{layer}.", type);
    }

    /// <summary>Numbers in all tensors.</summary>
    public long ParameterCount { get; private set; }

    /// <summary>Writes the file.</summary>
    public void Write(string path) => _writer.Write(path);

    private void Describe()
    {
        string name = _shape.HasExperts ? "qwen3moe" : "qwen3";
        _writer.Set("general.architecture", name);
        _writer.Set("general.name", $"{_shape.Name} with random weights");
        _writer.Set("general.quantization_version", 2u);
        Count("vocab_size", _shape.Vocabulary);
        Count("context_length", _shape.ContextLength);
        Count("embedding_length", _shape.Width);
        Count("block_count", _shape.Layers);
        Count("feed_forward_length", _shape.FeedForward);
        Count("attention.head_count", _shape.Heads);
        Count("attention.head_count_kv", _shape.KvHeads);
        Count("attention.key_length", _shape.HeadWidth);
        Count("attention.value_length", _shape.HeadWidth);
        _writer.Set($"{name}.attention.layer_norm_rms_epsilon", 1e-6f);
        _writer.Set($"{name}.rope.freq_base", 1e6f);
        if (_shape.HasExperts)
        {
            Count("expert_count", _shape.Experts);
            Count("expert_used_count", _shape.ExpertsUsed);
            Count("expert_feed_forward_length", _shape.ExpertFeedForward);
        }

        void Count(string key, int value) => _writer.Set($"{name}.{key}", (uint)value);
    }

    private void AddLayer(string prefix, ElementType type)
    {
        int queries = _shape.Heads * _shape.HeadWidth, keys = _shape.KvHeads * _shape.HeadWidth;
        Norm($"{prefix}attn_norm.weight", _shape.Width);
        Matrix($"{prefix}attn_q.weight", type, _shape.Width, queries);
        Matrix($"{prefix}attn_k.weight", type, _shape.Width, keys);
        Matrix($"{prefix}attn_v.weight", type, _shape.Width, keys);
        Matrix($"{prefix}attn_output.weight", type, queries, _shape.Width);
        Norm($"{prefix}attn_q_norm.weight", _shape.HeadWidth);
        Norm($"{prefix}attn_k_norm.weight", _shape.HeadWidth);
        Norm($"{prefix}ffn_norm.weight", _shape.Width);
        if (_shape.HasExperts)
        {
            Matrix($"{prefix}ffn_gate_inp.weight", ElementType.F32, _shape.Width, _shape.Experts);
            Matrix($"{prefix}ffn_gate_exps.weight", type, _shape.Width, _shape.ExpertFeedForward, _shape.Experts);
            Matrix($"{prefix}ffn_up_exps.weight", type, _shape.Width, _shape.ExpertFeedForward, _shape.Experts);
            Matrix($"{prefix}ffn_down_exps.weight", type, _shape.ExpertFeedForward, _shape.Width, _shape.Experts);
        }
        else
        {
            Matrix($"{prefix}ffn_gate.weight", type, _shape.Width, _shape.FeedForward);
            Matrix($"{prefix}ffn_up.weight", type, _shape.Width, _shape.FeedForward);
            Matrix($"{prefix}ffn_down.weight", type, _shape.FeedForward, _shape.Width);
        }
    }

    private void Matrix(string name, ElementType type, int rowLength, params int[] others)
    {
        long rows = others.Aggregate(1L, (product, size) => product * size);
        ParameterCount += rowLength * rows;
        _writer.AddTensor(name, type, [rowLength, .. others], stream => _pools.WriteRows(stream, name, type, rowLength, rows));
    }

    private void Norm(string name, int width)
    {
        float[] ones = new float[width];
        Array.Fill(ones, 1);
        ParameterCount += width;
        _writer.AddTensor(name, ElementType.F32, [width], MemoryMarshal.AsBytes<float>(ones).ToArray());
    }
}
