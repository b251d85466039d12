using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Kv;

/// <summary>The key/value memory of a context: for each layer pages of keys and pages of values, and one pool that says who uses which page.</summary>
internal sealed class KvMemory : IDisposable
{
    /// <summary>Tokens of a page.</summary>
    public const int PageLength = 64;

    private readonly IBackend _backend;
    private readonly Dictionary<KvLayer, KvLayerView> _layers = [];

    /// <summary>Allocates the memory.</summary>
    /// <param name="layers">The model's layers.</param>
    /// <param name="backend">Where they live.</param>
    /// <param name="type">Element type.</param>
    /// <param name="tokens">Tokens that all sequences together may hold; rounded up to whole pages.</param>
    /// <exception cref="OutOfDeviceMemoryException">It does not fit.</exception>
    public KvMemory(IReadOnlyList<KvLayer> layers, IBackend backend, ElementType type, int tokens)
    {
        _backend = backend;
        Pages = new PagePool(PageCount(tokens));
        try
        {
            foreach (KvLayer layer in layers)
                _layers.Add(layer, new KvLayerView(layer, Allocate(layer, layer.KeyWidth, type), Allocate(layer, layer.ValueWidth, type), PageLength));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Who uses which page.</summary>
    public PagePool Pages { get; }

    /// <summary>Tokens that all sequences together may hold.</summary>
    public int Capacity => Pages.Count * PageLength;

    /// <summary>Bytes allocated.</summary>
    public long ByteLength => _layers.Values.Sum(layer => layer.Keys.Buffer.Length + layer.Values.Buffer.Length);

    /// <summary>Pages that hold a number of tokens.</summary>
    public static int PageCount(int tokens) => (tokens + PageLength - 1) / PageLength;

    /// <summary>A layer's memory as kernels see it.</summary>
    public KvLayerView View(KvLayer layer) => _layers[layer];

    /// <summary>Copies a page of every layer.</summary>
    public void CopyPage(int source, int target)
    {
        foreach (KvLayerView layer in _layers.Values)
        {
            CopyPage(layer.Keys, source, target);
            CopyPage(layer.Values, source, target);
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (KvLayerView layer in _layers.Values)
        {
            layer.Keys.Buffer.Dispose();
            layer.Values.Buffer.Dispose();
        }
    }

    private void CopyPage(TensorView view, int source, int target)
    {
        long bytes = view.ByteLength / Pages.Count;
        _backend.Copy(view.Buffer, source * bytes, view.Buffer, target * bytes, bytes);
    }

    private TensorView Allocate(KvLayer layer, int width, ElementType type)
    {
        long rows = (long)Pages.Count * layer.Heads * PageLength;
        long bytes = checked(rows * ElementLayout.Of(type).RowBytes(width));
        return new TensorView(_backend.Allocate(bytes, $"key/value memory of layer {layer.Index}"), 0, type, width, rows);
    }
}
