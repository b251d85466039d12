namespace Moe.Inference.Gguf;

/// <summary>
/// Passes what is written on to another stream, which it leaves open, and counts it. Writing past a limit is refused before anything
/// is passed on.
/// </summary>
internal sealed class CountedStream(Stream inner, long limit = long.MaxValue, string? tensor = null) : Stream
{
    private long _position;
    private bool _closed;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => !_closed;

    public override long Length => _position;

    /// <summary>Bytes written so far.</summary>
    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        if (buffer.Length > limit - _position)
            throw new ArgumentException($"tensor '{tensor}' takes {limit} bytes; more are written", nameof(buffer));
        inner.Write(buffer);
        _position += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void WriteByte(byte value) => Write([value]);

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _closed = true;
        base.Dispose(disposing);
    }
}
