using Moe.Inference.Execution;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance;

/// <summary>
/// One operand in device memory, with guard bytes on both sides. Guards, and rows beyond the run's, hold poison: bytes 0xFF, which every
/// floating-point type and every block's scale reads as NaN, and integers as -1.
/// </summary>
internal sealed class GuardedTensor : IDisposable
{
    /// <summary>The byte that unwritten memory consists of.</summary>
    public const byte Poison = 0xFF;

    private const int GuardBytes = 4096;
    private const int Alignment = 64; // of arenas; a GGUF file's tensors are aligned to 32

    private readonly IBackend _backend;
    private readonly CaseOperand _operand;
    private readonly DeviceBuffer _buffer;
    private readonly byte[] _before;
    private readonly int _offset;
    private readonly int _bytes;

    /// <summary>Allocates and fills an operand's memory.</summary>
    /// <param name="backend">The device.</param>
    /// <param name="operand">The operand.</param>
    /// <param name="guardPages">Whether the memory ends, as nearly as its alignment allows, at a page that may not be touched.</param>
    public GuardedTensor(IBackend backend, CaseOperand operand, bool guardPages)
    {
        _backend = backend;
        _operand = operand;
        _bytes = checked((int)(ElementLayout.Of(operand.Type).RowBytes(operand.Width) * operand.Room));
        _buffer = guardPages ? new GuardPageBuffer(GuardBytes + _bytes + Alignment, operand.Name) : backend.Allocate(GuardBytes + _bytes + GuardBytes, operand.Name);
        _offset = guardPages ? (int)(_buffer.Length - _bytes) / Alignment * Alignment : GuardBytes;
        _before = new byte[_buffer.Length];
        _before.AsSpan().Fill(Poison);
        operand.Data.CopyTo(_before.AsSpan(_offset));
        Reset();
    }

    /// <summary>The operand as a kernel sees it.</summary>
    public TensorView View => new(_buffer, _offset, _operand.Type, _operand.Width, _operand.Room);

    /// <summary>Puts memory back to what it was before the run.</summary>
    public void Reset() => _backend.Write(_buffer, 0, _before);

    /// <summary>Reads the operand back and checks that only some of its bytes were written.</summary>
    /// <param name="writable">Bytes, from the first, that may have changed.</param>
    /// <param name="wrong">The first byte that was changed and should not have been.</param>
    /// <returns>The bytes that may have changed.</returns>
    public byte[] Read(long writable, out Mismatch? wrong)
    {
        byte[] after = new byte[_before.Length];
        _backend.Read(_buffer, 0, after);
        (int start, int end) = (_offset, _offset + checked((int)writable));
        wrong = FirstChange(after, 0, start, end) ?? FirstChange(after, end, after.Length, end);
        return after[start..end];
    }

    public void Dispose() => _buffer.Dispose();

    private Mismatch? FirstChange(byte[] after, int start, int end, int writableEnd)
    {
        int same = _before.AsSpan(start, end - start).CommonPrefixLength(after.AsSpan(start, end - start));
        if (same == end - start)
            return null;
        int at = start + same;
        return new Mismatch($"{_operand.Name}, {Place(at - _offset, writableEnd - _offset)}", $"byte {_before[at]:x2} as before", $"byte {after[at]:x2}");
    }

    private string Place(int at, int writable)
    {
        if (at < 0)
            return $"{-at} bytes before its beginning";
        if (at >= _bytes)
            return $"{at - _bytes} bytes after its end";
        ElementLayout layout = ElementLayout.Of(_operand.Type);
        (long row, long inside) = Math.DivRem(at, layout.RowBytes(_operand.Width));
        string beyond = at < Math.Max(_operand.Data.Length, writable) ? "" : ", beyond this run";
        return $"row {row}, column {Math.Max(0, inside - layout.RowHeaderBytes) / layout.BlockBytes * layout.BlockLength}{beyond}";
    }
}
