namespace Moe.Inference.Gguf;

/// <summary>
/// A file that is written under a temporary name in its folder and renamed when it is complete; one that is not published is deleted.
/// </summary>
internal sealed class TemporaryFile : IDisposable
{
    private readonly string _temporaryPath;
    private bool _published;

    public TemporaryFile(string path)
    {
        FinalPath = path;
        _temporaryPath = $"{path}.{Guid.NewGuid():N}.tmp";
        // Unbuffered: the writer has a buffer.
        Stream = new FileStream(_temporaryPath, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
    }

    public string FinalPath { get; }

    public FileStream Stream { get; }

    /// <summary>Sees to it that everything is on the disk, and closes the file.</summary>
    public void Complete()
    {
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
    }

    /// <summary>Gives the file its name, replacing another of that name.</summary>
    public void Publish()
    {
        File.Move(_temporaryPath, FinalPath, overwrite: true);
        _published = true;
    }

    public void Dispose()
    {
        Stream.Dispose();
        if (!_published)
            File.Delete(_temporaryPath);
    }
}
