using Moe.Inference.Cpu.Threading;
using Moe.Inference.Gguf;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>How weights come into host memory, before those of other devices are copied from there.</summary>
internal sealed class HostLoading
{
    private readonly GgufFile _file;
    private readonly WeightLoading _loading;
    private readonly GgufPrefetch _prefetch;
    private readonly Func<GgufTensor, bool> _stays;

    /// <summary>Finds what is to be done.</summary>
    /// <param name="file">The file.</param>
    /// <param name="parts">Where the tensors that the graph uses live.</param>
    /// <param name="options">How to load.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such way of loading.</exception>
    public HostLoading(GgufFile file, IEnumerable<(Weight Part, Device Device)> parts, ModelOptions options)
    {
        if (options.Loading is not (WeightLoading.Map or WeightLoading.Read))
            throw new ArgumentOutOfRangeException(nameof(options), options.Loading, "unknown way of loading");
        (_file, _loading, _stays) = (file, options.Loading, _ => true);
        // What is copied to devices is read while it is copied.
        if (_loading == WeightLoading.Map && options.Devices.Count > 0)
        {
            HashSet<string> names = [.. parts.Where(part => part.Device.IsCpu).Select(part => part.Part.Name)];
            _stays = tensor => names.Contains(tensor.Name);
        }

        long bytes = file.Tensors.Where(_stays).Sum(tensor => tensor.ByteLength);
        _prefetch = PrefetchOf(bytes);
        Bytes = _loading == WeightLoading.Map && _prefetch != GgufPrefetch.Load ? 0 : bytes;
    }

    /// <summary>Bytes of which progress is told: none of those that come as they are needed.</summary>
    public long Bytes { get; }

    /// <summary>Maps the file, or reads it.</summary>
    /// <param name="interleave">Where memory comes from on a machine with several memory nodes.</param>
    /// <param name="progress">Told how many of <see cref="Bytes"/> are there.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public GgufContent Bring(MemoryInterleave? interleave, IProgress<GgufReadProgress> progress, CancellationToken cancellationToken)
    {
        using IDisposable? spread = interleave?.Begin();
        return _loading == WeightLoading.Map
            ? _file.MapWith(_prefetch, _stays, progress, cancellationToken)
            : _file.Read(progress, interleave is null ? null : interleave.Spread, cancellationToken);
    }

    // Touching every page beforehand makes the first token as fast as the others, unless that would push out other pages of the same file.
    private static GgufPrefetch PrefetchOf(long bytes) =>
        bytes < GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 8 ? GgufPrefetch.Load : GgufPrefetch.Hint;
}
