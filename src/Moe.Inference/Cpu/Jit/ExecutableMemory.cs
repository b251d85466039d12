namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// Machine code in memory of its own pages. Pages are writable while the code is copied, then readable and executable, never writable and
/// executable at once; they go back to the system with the object.
/// </summary>
internal sealed unsafe class ExecutableMemory : IDisposable
{
    private readonly nuint _length;
    private nint _address;

    /// <summary>Copies code to executable memory.</summary>
    /// <exception cref="NotSupportedException">The system refuses.</exception>
    public ExecutableMemory(ReadOnlySpan<byte> code)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        _length = ((nuint)code.Length + page - 1) / page * page;
        _address = PageProtection.Allocate(_length);
        code.CopyTo(new Span<byte>((void*)_address, code.Length));
        try
        {
            PageProtection.MakeExecutable(_address, _length);
        }
        catch (NotSupportedException)
        {
            Dispose();
            throw;
        }
    }

    ~ExecutableMemory() => Free();

    /// <summary>Where the code begins.</summary>
    public nint Address => _address != 0 ? _address : throw new ObjectDisposedException(nameof(ExecutableMemory));

    /// <summary>Bytes of its pages.</summary>
    public long Length => (long)_length;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
            PageProtection.Free(address, _length);
    }
}
