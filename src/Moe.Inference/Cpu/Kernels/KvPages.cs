using Moe.Inference.Ops;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>One half (keys or values) of a layer's key/value memory: where rows lie, and how they are encoded.</summary>
internal readonly unsafe struct KvPages
{
    private readonly byte* _memory;
    private readonly QuantFormat _format;
    private readonly int _heads;

    private KvPages(TensorView view, int heads, int pageLength)
    {
        _memory = (byte*)view.Address;
        _format = QuantFormats.Of(view.Type);
        _heads = heads;
        Width = view.Width;
        RowBytes = view.RowBytes;
        PageLength = pageLength;
    }

    /// <summary>Elements of a row: one head of one token.</summary>
    public int Width { get; }

    /// <summary>Bytes of a row.</summary>
    public long RowBytes { get; }

    /// <summary>Tokens of a page.</summary>
    public int PageLength { get; }

    /// <summary>What elements are stored as.</summary>
    public ElementType Type => _format.Type;

    private bool IsFloat => _format.Type == ElementType.F32;

    /// <summary>A layer's keys.</summary>
    public static KvPages Keys(KvLayerView kv) => new(kv.Keys, kv.Layer.Heads, kv.PageLength);

    /// <summary>A layer's values.</summary>
    public static KvPages Values(KvLayerView kv) => new(kv.Values, kv.Layer.Heads, kv.PageLength);

    /// <summary>Encodes all heads of one token into its slot.</summary>
    public void Store(float* token, int slot)
    {
        (int page, int place) = Math.DivRem(slot, PageLength);
        for (int head = 0; head < _heads; head++)
            _format.Encode(token + ((long)head * Width), Row(page, head, place), Width);
    }

    /// <summary>The first rows of one head of a page as floats: in place where they are stored so, else decoded into a tile.</summary>
    /// <param name="page">The page.</param>
    /// <param name="head">The head.</param>
    /// <param name="count">Tokens of the page that are wanted.</param>
    /// <param name="tile">Room for a page of rows.</param>
    public float* Load(int page, int head, int count, float* tile)
    {
        byte* rows = Rows(page, head);
        if (IsFloat)
            return (float*)rows;
        // Rows without headers of their own follow each other without gaps, so that many decode as one.
        _format.Decode(rows, tile, count * Width);
        return tile;
    }

    /// <summary>The rows of one head of a page, as they are stored.</summary>
    public byte* Rows(int page, int head) => Row(page, head, 0);

    private byte* Row(int page, int head, int place) => _memory + (((((long)page * _heads) + head) * PageLength) + place) * RowBytes;
}
