using Moe.Inference.Gguf;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.Tokenization;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests;

/// <summary>A Mixture-of-Experts model of a few thousand weights, all zero, for tests that look at files and not at numbers.</summary>
internal static class TinyModel
{
    public const int Width = 32;
    public const int Heads = 2;
    public const int KvHeads = 1;
    public const int HeadWidth = 32;
    public const int Layers = 2;
    public const int Experts = 4;
    public const int ExpertsUsed = 2;
    public const int Hidden = 64;

    /// <summary>A writer that holds the whole model.</summary>
    /// <param name="experts">Element type of the experts' gate and up matrices; the other matrices are F16, vectors F32.</param>
    /// <param name="chatTemplate">The chat template; null for none.</param>
    /// <param name="tokens">Control tokens after the 256 bytes.</param>
    public static GgufWriter Writer(ElementType experts = ElementType.F16, string? chatTemplate = null, params string[] tokens)
    {
        Dictionary<string, GgufValue> vocabulary = Vocabularies.BytePairs([], [.. tokens.Select(text => (text, TokenType.Control))]);
        GgufWriter writer = new();
        writer.Set("general.architecture", "qwen3moe").Set("general.name", "Tiny").Set("general.file_type", 1u);
        foreach ((string key, uint value) in Numbers())
            writer.Set($"qwen3moe.{key}", value);
        writer.Set("qwen3moe.attention.layer_norm_rms_epsilon", 1e-6f);
        foreach ((string key, GgufValue value) in vocabulary)
            writer.Set($"tokenizer.ggml.{key}", value);
        if (chatTemplate is not null)
            writer.Set("tokenizer.chat_template", chatTemplate);
        AddTensors(writer, experts, 256 + tokens.Length);
        return writer;
    }

    private static (string Key, uint Value)[] Numbers() =>
    [
        ("context_length", 512),
        ("embedding_length", Width),
        ("block_count", Layers),
        ("attention.head_count", Heads),
        ("attention.head_count_kv", KvHeads),
        ("attention.key_length", HeadWidth),
        ("attention.value_length", HeadWidth),
        ("expert_count", Experts),
        ("expert_used_count", ExpertsUsed),
        ("expert_feed_forward_length", Hidden),
    ];

    private static void AddTensors(GgufWriter writer, ElementType experts, int vocabulary)
    {
        Add(writer, "token_embd.weight", ElementType.F16, Width, vocabulary);
        Add(writer, "output_norm.weight", ElementType.F32, Width);
        for (int layer = 0; layer < Layers; layer++)
        {
            string prefix = $"blk.{layer}.";
            Add(writer, $"{prefix}attn_norm.weight", ElementType.F32, Width);
            Add(writer, $"{prefix}attn_q.weight", ElementType.F16, Width, Heads * HeadWidth);
            Add(writer, $"{prefix}attn_k.weight", ElementType.F16, Width, KvHeads * HeadWidth);
            Add(writer, $"{prefix}attn_v.weight", ElementType.F16, Width, KvHeads * HeadWidth);
            Add(writer, $"{prefix}attn_q_norm.weight", ElementType.F32, HeadWidth);
            Add(writer, $"{prefix}attn_k_norm.weight", ElementType.F32, HeadWidth);
            Add(writer, $"{prefix}attn_output.weight", ElementType.F16, Heads * HeadWidth, Width);
            Add(writer, $"{prefix}ffn_norm.weight", ElementType.F32, Width);
            Add(writer, $"{prefix}ffn_gate_inp.weight", ElementType.F32, Width, Experts);
            Add(writer, $"{prefix}ffn_gate_exps.weight", experts, Width, Hidden, Experts);
            Add(writer, $"{prefix}ffn_up_exps.weight", experts, Width, Hidden, Experts);
            Add(writer, $"{prefix}ffn_down_exps.weight", ElementType.F16, Hidden, Width, Experts);
        }
    }

    private static void Add(GgufWriter writer, string name, ElementType type, params long[] dimensions)
    {
        long rows = dimensions[1..].Aggregate(1L, (product, size) => product * size);
        writer.AddTensor(name, type, dimensions, new byte[ElementLayout.Of(type).RowBytes(dimensions[0]) * rows]);
    }
}
