using Moe.Inference.Execution;

namespace Moe.Inference.Cuda.Memory;

/// <summary>Uploads cut into chunks, which several threads take in turn.</summary>
/// <param name="uploads">The uploads.</param>
/// <param name="chunkBytes">The largest chunk.</param>
/// <param name="progress">Told how many bytes were sent.</param>
internal sealed class UploadChunks(IReadOnlyList<DeviceUpload> uploads, int chunkBytes, Action<long> progress)
{
    private readonly Lock _taking = new();
    private int _next;
    private long _done;

    /// <summary>Takes the next chunk, and tells of those that the caller has sent before.</summary>
    /// <param name="sent">Bytes that the caller has sent since it was here last.</param>
    /// <param name="chunk">The chunk.</param>
    /// <returns>False if there is none left.</returns>
    public bool TryTake(long sent, out UploadChunk chunk)
    {
        lock (_taking)
        {
            if (sent > 0)
                progress(sent);
            while (_next < uploads.Count && _done == uploads[_next].Target.Length)
                (_next, _done) = (_next + 1, 0);
            if (_next == uploads.Count)
            {
                chunk = default;
                return false;
            }

            chunk = new UploadChunk(uploads[_next], _done, (int)Math.Min(chunkBytes, uploads[_next].Target.Length - _done));
            _done += chunk.Bytes;
            return true;
        }
    }
}

/// <summary>A piece of an upload.</summary>
/// <param name="Upload">The upload.</param>
/// <param name="Offset">Where the piece begins.</param>
/// <param name="Bytes">Its size.</param>
internal readonly record struct UploadChunk(DeviceUpload Upload, long Offset, int Bytes);
