using Moe.Inference.Execution;

namespace Moe.Inference.Cuda.Memory;

/// <summary>Uploads cut into chunks, which several threads take in turn.</summary>
/// <param name="uploads">The uploads; asked for one by one.</param>
/// <param name="chunkBytes">The largest chunk.</param>
/// <param name="progress">Told how many bytes were sent.</param>
internal sealed class UploadChunks(IEnumerator<DeviceUpload> uploads, int chunkBytes, Action<long> progress)
{
    private readonly Lock _taking = new();
    private bool _open;
    private long _done;

    /// <summary>Takes the next chunk; tells of the one that the caller has sent before.</summary>
    /// <param name="sent">Bytes that the caller has sent since it was here last.</param>
    /// <param name="chunk">The chunk.</param>
    /// <returns>False if there is none left.</returns>
    public bool TryTake(long sent, out UploadChunk chunk)
    {
        lock (_taking)
        {
            if (sent > 0)
                progress(sent);
            while (!_open || _done == uploads.Current.Target.Length)
            {
                chunk = default;
                _open = uploads.MoveNext();
                _done = 0;
                if (!_open)
                    return false;
            }

            chunk = new UploadChunk(uploads.Current, _done, (int)Math.Min(chunkBytes, uploads.Current.Target.Length - _done));
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
