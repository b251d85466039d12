using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Moe.Inference.Bench.Speed;

/// <summary>How fast a file's bytes come into memory.</summary>
internal static unsafe class FileSpeed
{
    private const int ChunkBytes = 4 << 20;

    /// <summary>Bytes a second that threads read together by the file's handle, each into memory of its own.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="most">Most bytes that are read of each file.</param>
    public static double Measure(IEnumerable<string> paths, int threads, long most = long.MaxValue)
    {
        long total = 0;
        TimeSpan time = default;
        foreach (string path in paths)
        {
            using SafeFileHandle file = File.OpenHandle(path);
            long bytes = Math.Min(RandomAccess.GetLength(file), most);
            total += bytes;
            time += Time(file, bytes, threads);
        }

        return total / time.TotalSeconds;
    }

    private static TimeSpan Time(SafeFileHandle file, long bytes, int threads)
    {
        nint[] chunks = [.. Enumerable.Range(0, threads).Select(_ => (nint)NativeMemory.AllocZeroed(ChunkBytes))];
        foreach (nint chunk in chunks)
            new Span<byte>((void*)chunk, ChunkBytes).Fill(1);
        long next = 0;
        long start = Stopwatch.GetTimestamp();
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, thread =>
        {
            for (long offset = Take(); offset < bytes; offset = Take())
            {
                for (int done = 0; done < Math.Min(ChunkBytes, bytes - offset);)
                    done += RandomAccess.Read(file, new Span<byte>((byte*)chunks[thread] + done, (int)Math.Min(ChunkBytes, bytes - offset) - done), offset + done);
            }
        });
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        foreach (nint chunk in chunks)
            NativeMemory.Free((void*)chunk);
        return time;

        long Take() => Interlocked.Add(ref next, ChunkBytes) - ChunkBytes;
    }
}
