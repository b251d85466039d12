using Moe.Inference.Gguf;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>
/// What a model's file says about itself, read from its header without loading any weight, and whether this version can run it.
/// Immutable.
/// </summary>
public sealed class ModelInfo
{
    private readonly KvLayer[] _kvLayers = [];

    private ModelInfo(GgufFile file)
    {
        GgufMetadata metadata = file.Metadata;
        Path = file.Path;
        Parts = file.Parts;
        Name = metadata.TryGetString("general.name", out string? name) ? name : System.IO.Path.GetFileNameWithoutExtension(file.Path);
        Architecture = metadata.TryGetString("general.architecture", out string? architecture) ? architecture : "";
        FileType = metadata.TryGetInt32("general.file_type", out int type) ? FileTypeNames.Find(type) : null;
        TensorCount = file.Tensors.Count;
        ParameterCount = file.Tensors.Sum(tensor => tensor.RowLength * tensor.Rows);
        WeightBytes = file.TensorBytes;
        WeightBytesByType = [.. file.Tensors
            .GroupBy(tensor => tensor.Type, (element, tensors) => KeyValuePair.Create(element, tensors.Sum(tensor => tensor.ByteLength)))
            .OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key)];
        int Number(string key) => metadata.TryGetInt32($"{Architecture}.{key}", out int value) ? value : 0;
        ContextLength = Number("context_length");
        Layers = Number("block_count");
        Experts = Number("expert_count");
        ExpertsUsed = Number("expert_used_count");
        VocabularySize = metadata.TryGetValue("tokenizer.ggml.tokens", out GgufValue? tokens) ? tokens.Count : 0;
        HasChatTemplate = metadata.TryGetString("tokenizer.chat_template", out _);
        try
        {
            _kvLayers = RequireSupported(file);
        }
        catch (MoeException e)
        {
            UnsupportedReason = e.Message;
        }
    }

    /// <summary>Path of the file that was read; if it is split, any of its parts.</summary>
    public string Path { get; }

    /// <summary>The paths of all parts, in order; of a file that is not split, only its own.</summary>
    public IReadOnlyList<string> Parts { get; }

    /// <summary>The model's name as its file gives it, or the file's name.</summary>
    public string Name { get; }

    /// <summary>The architecture's name (<c>general.architecture</c>); empty if unstated.</summary>
    public string Architecture { get; }

    /// <summary>The mix of element types as its makers name it, such as <c>Q4_K_M</c>; null if unstated or unknown.</summary>
    public string? FileType { get; }

    /// <summary>Tensors in all parts.</summary>
    public int TensorCount { get; }

    /// <summary>Elements of all tensors.</summary>
    public long ParameterCount { get; }

    /// <summary>Bytes of all tensors.</summary>
    public long WeightBytes { get; }

    /// <summary>Bytes of the tensors of each element type, the most first; together <see cref="WeightBytes"/>.</summary>
    public IReadOnlyList<KeyValuePair<ElementType, long>> WeightBytesByType { get; }

    /// <summary>Tokens of context the model was trained for; 0 if unstated.</summary>
    public int ContextLength { get; }

    /// <summary>Decoder layers; 0 if unstated.</summary>
    public int Layers { get; }

    /// <summary>Experts of a layer; 0 for a dense model.</summary>
    public int Experts { get; }

    /// <summary>Experts chosen for a token; 0 for a dense model.</summary>
    public int ExpertsUsed { get; }

    /// <summary>Tokens in the vocabulary; 0 if there is none.</summary>
    public int VocabularySize { get; }

    /// <summary>Whether the file brings a chat template.</summary>
    public bool HasChatTemplate { get; }

    /// <summary>Whether this version can run the model on the CPU.</summary>
    public bool IsSupported => UnsupportedReason is null;

    /// <summary>Why this version cannot run the model; null if it can.</summary>
    public string? UnsupportedReason { get; }

    /// <summary>Reads the header of a file, and of its other parts if it is split.</summary>
    /// <param name="path">A GGUF file, or any part of a split one.</param>
    /// <exception cref="GgufFormatException">The file is damaged, or a part is missing.</exception>
    /// <exception cref="IOException">The file cannot be read; <see cref="FileNotFoundException"/> if it is not there.</exception>
    public static ModelInfo Read(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return new ModelInfo(file);
    }

    /// <summary>Bytes of key/value memory that one token takes in all layers; 0 for a model that is not supported.</summary>
    /// <param name="kvType">Element type of key/value memory: F32, F16 or Q8_0.</param>
    /// <exception cref="ArgumentOutOfRangeException">Key/value memory cannot be of that type.</exception>
    /// <exception cref="ArgumentException">The model's heads do not hold whole blocks of that type.</exception>
    public long KvBytesPerToken(ElementType kvType)
    {
        if (kvType is not (ElementType.F32 or ElementType.F16 or ElementType.Q8_0))
            throw new ArgumentOutOfRangeException(nameof(kvType), kvType, "key/value memory is F32, F16 or Q8_0");
        ElementLayout layout = ElementLayout.Of(kvType);
        return _kvLayers.Sum(layer => layer.Heads * (layout.RowBytes(layer.KeyWidth) + layout.RowBytes(layer.ValueWidth)));
    }

    // Goes all the way to a plan, for the smallest run: a tensor may be of a type that no kernel takes.
    private static KvLayer[] RequireSupported(GgufFile file)
    {
        ModelGraph graph = Model.ReadHeader(file).Outline.Graph;
        KernelOptions kernels = new(Threads: 1, Exact: false, KvType: ElementType.F16);
        Planner.Plan(new PlanRequest(graph, new RunSize(1, 1, 1, 1), Context.CreateRegistry(), DevicePlacement.Cpu, kernels));
        return [.. graph.Nodes.Select(node => node.Kv).OfType<KvLayer>().Distinct()];
    }
}
