using System.Diagnostics.CodeAnalysis;

namespace Moe.Inference.Gguf;

/// <summary>
/// A GGUF file, version 2 or 3, little-endian, in one part or split into several. Opening it reads and checks the headers only; the
/// bytes of the tensors come through <see cref="Map"/> or <see cref="ReadAll"/>. Safe for use by several threads.
/// The format is described in ggml's docs/gguf.md.
/// </summary>
public sealed class GgufFile : IDisposable
{
    private readonly GgufPart[] _parts;
    private readonly Dictionary<string, GgufTensor> _byName;
    private volatile bool _disposed;

    private GgufFile(string path, GgufPart[] parts)
    {
        Path = path;
        _parts = parts;
        Parts = [.. parts.Select(part => part.Path)];
        Tensors = [.. parts.SelectMany(part => part.Header.Tensors)];
        _byName = Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        TensorBytes = Tensors.Sum(tensor => tensor.ByteLength);
    }

    /// <summary>The path that was opened.</summary>
    public string Path { get; }

    /// <summary>The paths of all parts, in order; of a file that is not split, only its own.</summary>
    public IReadOnlyList<string> Parts { get; }

    /// <summary>The format version of the first part: 2 or 3.</summary>
    public int Version => _parts[0].Header.Version;

    /// <summary>The alignment of tensor data in the first part, in bytes; a power of two.</summary>
    public int Alignment => _parts[0].Header.Alignment;

    /// <summary>The keys and values of the first part, which describe the whole file.</summary>
    public GgufMetadata Metadata => _parts[0].Header.Metadata;

    /// <summary>The tensors of all parts, in the order of their directories.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>Bytes of all tensors together, without padding.</summary>
    public long TensorBytes { get; }

    /// <summary>The open files.</summary>
    /// <exception cref="ObjectDisposedException">They are closed.</exception>
    internal GgufPart[] OpenParts
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _parts;
        }
    }

    /// <summary>Opens a file and, if it is a part of a split one, all the other parts beside it.</summary>
    /// <param name="path">The file, or any part <c>NAME-00001-of-00003.gguf</c> of it.</param>
    /// <exception cref="GgufFormatException">A file is malformed or truncated, or a part is missing or does not fit the others.</exception>
    /// <exception cref="IOException">The file cannot be read; <see cref="FileNotFoundException"/> if it is not there.</exception>
    public static GgufFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new GgufFile(path, GgufPart.OpenAll(path));
    }

    /// <summary>Looks up a tensor by name.</summary>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out GgufTensor? tensor) => _byName.TryGetValue(name, out tensor);

    /// <summary>The tensor of a name.</summary>
    /// <exception cref="GgufFormatException">The file has no such tensor.</exception>
    public GgufTensor GetTensor(string name) => TryGetTensor(name, out GgufTensor? tensor)
        ? tensor
        : throw new GgufFormatException(Path, GgufLimits.FixedHeaderBytes, $"there is no tensor '{name}'");

    /// <summary>Maps the files into memory without copying them: pages are read from disk when they are first touched.</summary>
    /// <param name="prefetch">What to ask of the operating system beforehand.</param>
    /// <param name="progress">Told now and then how much is loaded, by <see cref="GgufPrefetch.Load"/> only.</param>
    /// <param name="cancellationToken">Ends loading early; the mapping is undone.</param>
    /// <exception cref="GgufFormatException">A file is shorter than when it was opened.</exception>
    /// <exception cref="IOException">A file cannot be mapped.</exception>
    /// <exception cref="OperationCanceledException">Loading was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    /// <remarks>While the mapping is in use, the files must not be cut short by anyone: touching a page past the end ends the process.</remarks>
    public GgufContent Map(
        GgufPrefetch prefetch = GgufPrefetch.None,
        IProgress<GgufReadProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        MapWith(prefetch, _ => true, progress, cancellationToken);

    /// <summary>As <see cref="Map"/>, with prefetch of some tensors only.</summary>
    internal GgufContent MapWith(GgufPrefetch prefetch, Func<GgufTensor, bool> prefetched, IProgress<GgufReadProgress>? progress, CancellationToken cancellationToken) =>
        MappedContent.Create(this, prefetch, prefetched, progress, cancellationToken);

    /// <summary>Reads all tensors into memory of the library's own, each aligned to 64 bytes, on several threads.</summary>
    /// <param name="progress">Told now and then, never by two threads at once, how much is read; the last report is the whole.</param>
    /// <param name="cancellationToken">Ends reading early, after at most one chunk of 1 MiB a thread; the memory is freed.</param>
    /// <exception cref="GgufFormatException">A file is shorter than when it was opened.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="OutOfMemoryException">There is no room for <see cref="TensorBytes"/> bytes.</exception>
    /// <exception cref="OperationCanceledException">Reading was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public GgufContent ReadAll(IProgress<GgufReadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Read(progress, null, cancellationToken);

    /// <summary>As <see cref="ReadAll"/>, on threads of the pool.</summary>
    /// <inheritdoc cref="ReadAll"/>
    public Task<GgufContent> ReadAllAsync(IProgress<GgufReadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => ReadAll(progress, cancellationToken), cancellationToken);

    /// <summary>The same, with a word on the memory, its address and bytes, before anything is written there.</summary>
    internal GgufContent Read(IProgress<GgufReadProgress>? progress, Action<nint, nint>? allocated, CancellationToken cancellationToken) =>
        NativeContent.Create(this, progress, allocated, cancellationToken);

    /// <summary>Closes the files. Content that was mapped or read stays valid.</summary>
    public void Dispose()
    {
        _disposed = true;
        foreach (GgufPart part in _parts)
            part.Dispose();
    }
}
