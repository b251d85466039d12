namespace Moe.Inference.Cuda.Memory;

/// <summary>A piece of memory with several users; the last one gives it back.</summary>
/// <param name="whole">The memory.</param>
/// <param name="users">Pieces that will be taken of it.</param>
internal sealed class SharedMemory(IMemoryOwner whole, int users)
{
    private int _users = users;

    /// <summary>One user's part.</summary>
    public IMemoryOwner Piece(long offset) => new Part(this, whole.Address + (nint)offset);

    private void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            whole.Dispose();
    }

    private sealed class Part(SharedMemory whole, nint address) : IMemoryOwner
    {
        private SharedMemory? _whole = whole;

        public nint Address => address;

        public void Dispose() => Interlocked.Exchange(ref _whole, null)?.Release();
    }
}
