using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Moe.Inference.Architectures;
using Moe.Inference.Chat;
using Moe.Inference.Cpu.Threading;
using Moe.Inference.Execution;
using Moe.Inference.Gguf;
using Moe.Inference.Graph;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Tokenization;

namespace Moe.Inference;

/// <summary>
/// A loaded model: weights, vocabulary, metadata and a placement. Immutable and safe to use from many threads. Contexts made of it keep its
/// memory alive until they, too, are disposed.
/// </summary>
public sealed class Model : IDisposable
{
    private readonly GgufFile _file;
    private readonly GgufContent _content;
    private readonly WeightStore _weights;
    private readonly PackedCopies _packed;
    private readonly Lazy<ChatTemplate?> _chatTemplate;
    private readonly Lock _lock = new();
    private int _users = 1;
    private bool _disposed;

    private Model(GgufFile file, GgufContent content, WeightStore weights, PackedCopies packed, ModelOutline info, Tokenizer tokenizer, ModelOptions options, MemoryInterleave? interleave)
    {
        _file = file;
        _content = content;
        _weights = weights;
        _packed = packed;
        Devices = options.Devices;
        Name = info.Name;
        Shape = info.Shape;
        Graph = info.Graph;
        Tokenizer = tokenizer;
        _chatTemplate = new Lazy<ChatTemplate?>(() => Metadata.GetString("tokenizer.chat_template", null) is { } source ? ChatTemplate.Parse(source) : null);
        Placement = options.Placement;
        LoggerFactory = options.LoggerFactory ?? NullLoggerFactory.Instance;
        Interleave = interleave;
    }

    /// <summary>Path of the file, or of its first part.</summary>
    public string Path => _file.Path;

    /// <summary>The model's name as its file gives it, or the file's name.</summary>
    public string Name { get; }

    /// <summary>All metadata of the file.</summary>
    public GgufMetadata Metadata => _file.Metadata;

    /// <summary>The model's numbers.</summary>
    public Hyperparameters Shape { get; }

    /// <summary>The vocabulary.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Where tensors live.</summary>
    public DevicePlacement Placement { get; }

    /// <summary>Bytes of all weights.</summary>
    public long WeightBytes => _file.TensorBytes;

    /// <summary>What repacking has taken so far.</summary>
    public RepackingUse Repacked => _packed.Use;

    /// <summary>The computation, as its architecture built it.</summary>
    public ModelGraph Graph { get; }

    /// <summary>The chat template in the file, or null if it has none; parsed when it is first asked for.</summary>
    /// <exception cref="ChatTemplateException">The file's template is malformed.</exception>
    public ChatTemplate? ChatTemplate => _chatTemplate.Value;

    internal ILoggerFactory LoggerFactory { get; }

    internal IReadOnlyList<IDeviceProvider> Devices { get; }

    /// <summary>How the host's memory is spread over nodes, or null for not at all.</summary>
    internal MemoryInterleave? Interleave { get; }

    /// <summary>Where the time of loading went.</summary>
    internal LoadTimes LoadTimes { get; private init; }

    /// <summary>Loads a model.</summary>
    /// <param name="path">A GGUF file, or any part of a split one.</param>
    /// <param name="options">How to load; null for defaults.</param>
    /// <param name="progress">Told how far loading has come.</param>
    /// <param name="cancellationToken">Stops loading.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="GgufFormatException">The file is damaged.</exception>
    /// <exception cref="UnsupportedModelException">The file is sound, but this version cannot run its model.</exception>
    /// <exception cref="PlanningException">The placement names a device that is not there, or the model cannot be planned so.</exception>
    /// <exception cref="PlacementException">The placement makes no sense; the report says why.</exception>
    /// <exception cref="OutOfDeviceMemoryException">A device is too small for its part.</exception>
    /// <exception cref="OperationCanceledException">Loading was stopped.</exception>
    public static Model Load(string path, ModelOptions? options = null, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ModelOptions();
        Stopwatch watch = Stopwatch.StartNew();
        GgufFile file = GgufFile.Open(path);
        GgufContent? content = null;
        WeightStore? weights = null;
        PackedCopies? packed = null;
        try
        {
            // Everything that can be refused is refused before any weight is read.
            (ModelOutline info, Tokenizer tokenizer) = ReadHeader(file);
            PlacementGate.Check(info, options);
            MemoryInterleave? interleave = InterleaveOf(options);
            TimeSpan checkedAt = watch.Elapsed;
            (Weight Part, Device Device)[] parts = [.. WeightPlacement.Parts(info.Weights, options.Placement)], copies = [.. parts.Where(part => !part.Device.IsCpu)];
            long copiedBytes = copies.Sum(copy => copy.Part.ByteLength);
            HostLoading host = new(file, parts, options);
            LoadStages stages = new(progress, host.Bytes, copiedBytes);
            content = host.Bring(interleave, stages, cancellationToken);
            TimeSpan broughtAt = watch.Elapsed;
            weights = new WeightStore(file, content, copies, options.Devices, stages, cancellationToken);
            TimeSpan uploadedAt = watch.Elapsed;
            packed = new PackedCopies(options.Repacking, RepackingPlan.PartsOf(info.Graph, options.Placement), weights, interleave, cancellationToken);
            Model model = new(file, content, weights, packed, info, tokenizer, options, interleave)
            {
                LoadTimes = new LoadTimes(checkedAt, broughtAt - checkedAt, uploadedAt - broughtAt, weights.Allocating, copiedBytes),
            };
            model.LoggerFactory.CreateLogger<Model>().LogInformation(
                "loaded {Name} ({Architecture}, {Layers} layers, {Bytes:N0} bytes of weights) by {Loading} in {Milliseconds:N0} ms",
                model.Name,
                info.Shape.Architecture,
                info.Shape.Layers,
                model.WeightBytes,
                options.Loading,
                watch.ElapsedMilliseconds);
            LogMemory(model, options);
            if (model.Repacked is { Policy: not Repacking.Off } repacked)
                model.LoggerFactory.CreateLogger<Model>().LogInformation("repacking {Policy}: {Bytes:N0} bytes in {Milliseconds:N0} ms", repacked.Policy, repacked.Bytes, repacked.Time.TotalMilliseconds);
            return model;
        }
        catch
        {
            packed?.Dispose();
            weights?.Dispose();
            content?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Loads a model without blocking the caller.</summary>
    /// <inheritdoc cref="Load"/>
    public static Task<Model> LoadAsync(string path, ModelOptions? options = null, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Load(path, options, progress, cancellationToken), cancellationToken);

    /// <summary>Makes the model ready to run: plans, allocates key/value memory and compute memory, starts the engine's threads.</summary>
    /// <param name="options">How; null for defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range; the message names it.</exception>
    /// <exception cref="PlanningException">The model cannot be planned so.</exception>
    /// <exception cref="OutOfDeviceMemoryException">It does not fit.</exception>
    public Context CreateContext(ContextOptions? options = null)
    {
        Acquire();
        try
        {
            return new Context(this, options ?? new ContextOptions());
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Gives the weights back, once no context uses them any more.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
        }

        Release();
    }

    internal TensorView WeightView(Weight weight, Device device) => _weights.View(weight, device);

    /// <summary>What a file's header says of its model and vocabulary, checked against each other.</summary>
    internal static (ModelOutline Outline, Tokenizer Tokenizer) ReadHeader(GgufFile file)
    {
        ModelOutline outline = ModelOutline.Read(file);
        Tokenizer tokenizer = Tokenizer.Create(file.Metadata);
        return tokenizer.VocabularySize <= outline.Graph.Logits.Width
            ? (outline, tokenizer)
            : throw new UnsupportedModelException($"{file.Path}: the vocabulary has {tokenizer.VocabularySize} tokens, the output only {outline.Graph.Logits.Width} rows");
    }

    internal void Release()
    {
        lock (_lock)
        {
            if (--_users > 0)
                return;
        }

        _packed.Dispose();
        _weights.Dispose();
        _content.Dispose();
        _file.Dispose();
    }

    private void Acquire()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _users++;
        }
    }

    private static MemoryInterleave? InterleaveOf(ModelOptions options) => options.Numa switch
    {
        NumaPolicy.None => null,
        NumaPolicy.Interleave => MemoryInterleave.Over(NumaNodes.OfThisMachine),
        _ => throw new ArgumentOutOfRangeException(nameof(options), options.Numa, "unknown policy for memory nodes"),
    };

    private static void LogMemory(Model model, ModelOptions options)
    {
        if (options.Numa == NumaPolicy.None)
            return;
        string pages = options.Loading == WeightLoading.Map ? "; pages of the mapped file that were in memory before stay where they are" : "";
        model.LoggerFactory.CreateLogger<Model>().LogInformation("{Memory}{Pages}", model.Interleave?.ToString() ?? "there is one memory node, or this system does not tell of more: nothing to interleave", model.Interleave is null ? "" : pages);
    }
}
