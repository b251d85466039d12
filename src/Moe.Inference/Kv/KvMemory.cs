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

    private readonly Dictionary<KvLayer, (KvLayerView View, IBackend Backend)> _layers = [];

    /// <summary>Allocates the memory.</summary>
    /// <param name="layers">The model's layers, each with the backend of the device that it lives on.</param>
    /// <param name="type">Element type.</param>
    /// <param name="tokens">Tokens that all sequences together may hold; rounded up to whole pages.</param>
    /// <exception cref="OutOfDeviceMemoryException">It does not fit.</exception>
    public KvMemory(IEnumerable<(KvLayer Layer, IBackend Backend)> layers, ElementType type, int tokens)
    {
        Pages = new PagePool(PageCount(tokens));
        try
        {
            foreach ((KvLayer layer, IBackend backend) in layers)
                _layers.Add(layer, (Allocate(layer, backend, type), backend));
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
    public long ByteLength => _layers.Values.Sum(layer => layer.View.Keys.Buffer.Length + layer.View.Values.Buffer.Length);

    /// <summary>Pages that hold a number of tokens.</summary>
    public static int PageCount(int tokens) => (tokens + PageLength - 1) / PageLength;

    /// <summary>A layer's memory as kernels see it.</summary>
    public KvLayerView View(KvLayer layer) => _layers[layer].View;

    /// <summary>Copies the first tokens of a page of every layer; what nobody has written is not touched.</summary>
    public void CopyPage(int source, int target, int tokens)
    {
        foreach ((KvLayerView view, IBackend backend) in _layers.Values)
        {
            CopyPage(backend, view.Keys, source, target, tokens);
            CopyPage(backend, view.Values, source, target, tokens);
        }
    }

    /// <summary>Fills all pages with a byte.</summary>
    public void Fill(byte value)
    {
        byte[] page = [];
        foreach ((KvLayerView view, IBackend backend) in _layers.Values)
        {
            foreach (TensorView half in (TensorView[])[view.Keys, view.Values])
            {
                int bytes = (int)(half.ByteLength / Pages.Count);
                if (page.Length != bytes)
                {
                    page = new byte[bytes];
                    page.AsSpan().Fill(value);
                }

                for (int i = 0; i < Pages.Count; i++)
                    backend.Write(half.Buffer, (long)i * bytes, page);
            }
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach ((KvLayerView view, _) in _layers.Values)
        {
            view.Keys.Buffer.Dispose();
            view.Values.Buffer.Dispose();
        }
    }

    /// <summary>Bytes that one layer takes.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="type">Element type.</param>
    /// <param name="tokens">Tokens; rounded up to whole pages.</param>
    public static long BytesOf(KvLayer layer, ElementType type, int tokens) =>
        HalfBytes(layer, layer.KeyWidth, type, PageCount(tokens)) + HalfBytes(layer, layer.ValueWidth, type, PageCount(tokens));

    private static long HalfBytes(KvLayer layer, int width, ElementType type, int pages) =>
        checked((long)pages * layer.Heads * PageLength * ElementLayout.Of(type).RowBytes(width));

    private void CopyPage(IBackend backend, TensorView view, int source, int target, int tokens)
    {
        long row = view.RowBytes, head = row * PageLength, page = view.ByteLength / Pages.Count;
        for (long start = 0; start < page; start += head)
            backend.Copy(view.Buffer, (source * page) + start, view.Buffer, (target * page) + start, tokens * row);
    }

    private KvLayerView Allocate(KvLayer layer, IBackend backend, ElementType type)
    {
        TensorView keys = Half(layer, layer.KeyWidth, backend, type);
        try
        {
            return new KvLayerView(layer, keys, Half(layer, layer.ValueWidth, backend, type), PageLength);
        }
        catch
        {
            keys.Buffer.Dispose();
            throw;
        }
    }

    private TensorView Half(KvLayer layer, int width, IBackend backend, ElementType type)
    {
        DeviceBuffer buffer = backend.Allocate(HalfBytes(layer, width, type, Pages.Count), $"key/value memory of layer {layer.Index}");
        return new TensorView(buffer, 0, type, width, (long)Pages.Count * layer.Heads * PageLength);
    }
}
