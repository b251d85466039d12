using Moe.Inference.Gguf;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Gguf;

public sealed class ContentTests : IDisposable
{
    private const int Rows = 5 << 10;

    private readonly TemporaryFolder _folder = new();
    private readonly string _path;

    public ContentTests()
    {
        // 5 MiB and a bit: several chunks, and an odd small tensor before and after.
        _path = _folder["content.gguf"];
        byte[] row = new byte[1024];
        new GgufWriter()
            .AddTensor("first", ElementType.I8, [3], new byte[] { 1, 2, 3 })
            .AddTensor("big", ElementType.I8, [1024, Rows], stream =>
            {
                for (int i = 0; i < Rows; i++)
                {
                    Array.Fill(row, (byte)(i * 7));
                    stream.Write(row);
                }
            })
            .AddTensor("last", ElementType.F32, [1], BitConverter.GetBytes(1.5f))
            .Write(_path);
    }

    public static TheoryData<string> Kinds => ["mapped", "hinted", "loaded", "read", "read async"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Rows_are_where_they_should_be_even_when_the_file_is_closed(string kind)
    {
        GgufFile file = GgufFile.Open(_path);
        using GgufContent content = await Load(file, kind);
        file.Dispose();
        GgufTensor big = file.GetTensor("big");
        for (int i = 0; i < Rows; i++)
            content.GetRows(big, i, 1).IndexOfAnyExcept((byte)(i * 7)).Should().Be(-1, $"row {i}");
        content.GetRows(file.GetTensor("first"), 0, 1).ToArray().Should().Equal(1, 2, 3);
        unsafe
        {
            (*(float*)content.GetAddress(file.GetTensor("last"))).Should().Be(1.5f);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Use_after_dispose_is_refused(string kind)
    {
        using GgufFile file = GgufFile.Open(_path);
        GgufContent content = await Load(file, kind);
        content.Dispose();
        content.Dispose();
        Action use = () => content.GetAddress(file.Tensors[0]);
        use.Should().Throw<ObjectDisposedException>();
        use = () => content.GetRows(file.Tensors[0], 0, 1);
        use.Should().Throw<ObjectDisposedException>();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_closed_file_has_no_content(string kind)
    {
        GgufFile file = GgufFile.Open(_path);
        file.Dispose();
        Func<Task> load = () => Load(file, kind);
        await load.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_file_that_shrank_is_refused(string kind)
    {
        using GgufFile file = GgufFile.Open(_path);
        using (FileStream stream = new(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(1 << 20);
        Func<Task> load = () => Load(file, kind);
        (await load.Should().ThrowAsync<GgufFormatException>().WithMessage("*the file shrank to 1048576 bytes*")).Which.File.Should().Be(_path);
    }

    [Fact]
    public void Tensors_of_another_file_are_refused()
    {
        using GgufFile file = GgufFile.Open(_path);
        using GgufFile other = GgufFile.Open(_path);
        using GgufContent content = file.Map();
        Action use = () => content.GetAddress(other.Tensors[0]);
        use.Should().Throw<ArgumentException>().WithMessage("*'first' belongs to another file*");
    }

    [Fact]
    public void Rows_that_a_tensor_does_not_have_are_refused()
    {
        using GgufFile file = GgufFile.Open(_path);
        using GgufContent content = file.Map();
        GgufTensor big = file.GetTensor("big");
        content.GetRows(big, Rows, 0).Length.Should().Be(0);
        foreach ((long first, int count) in new[] { (-1L, 1), (0L, -1), (0L, Rows + 1), (Rows, 1), (long.MaxValue, 1) })
        {
            Action use = () => content.GetRows(big, first, count);
            use.Should().Throw<ArgumentOutOfRangeException>($"{count} rows from {first} on");
        }
    }

    [Theory]
    [InlineData("loaded")]
    [InlineData("read")]
    [InlineData("read async")]
    public async Task Progress_never_goes_back_and_ends_with_the_whole(string kind)
    {
        using GgufFile file = GgufFile.Open(_path);
        Recorder recorder = new();
        using GgufContent content = await Load(file, kind, recorder);
        recorder.Reports.Should().NotBeEmpty().And.OnlyContain(report => report.TotalBytes == file.TensorBytes);
        recorder.Reports.Select(report => report.BytesRead).Should().BeInAscendingOrder();
        recorder.Reports[^1].BytesRead.Should().Be(file.TensorBytes);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Cancellation_ends_loading(string kind)
    {
        using GgufFile file = GgufFile.Open(_path);
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        Func<Task> load = () => Load(file, kind, null, cancelled.Token);
        await load.Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Cancellation_takes_effect_while_reading()
    {
        string path = _folder["large.gguf"];
        byte[] zeros = new byte[1 << 20];
        new GgufWriter().AddTensor("zeros", ElementType.I8, [1 << 20, 64], stream =>
        {
            for (int i = 0; i < 64; i++)
                stream.Write(zeros);
        }).Write(path);
        using GgufFile file = GgufFile.Open(path);
        using CancellationTokenSource source = new();
        // The first report comes with the first chunk.
        long start = 0;
        Recorder recorder = new(_ =>
        {
            start = System.Diagnostics.Stopwatch.GetTimestamp();
            source.Cancel();
        });
        Func<Task> load = () => file.ReadAllAsync(recorder, source.Token);
        await load.Should().ThrowAsync<OperationCanceledException>();
        System.Diagnostics.Stopwatch.GetElapsedTime(start).Should().BeLessThan(TimeSpan.FromMilliseconds(500));
        recorder.Reports.Should().ContainSingle().Which.BytesRead.Should().BeLessThan(file.TensorBytes);
    }

    [Fact]
    public void A_file_without_tensors_has_empty_content()
    {
        string path = _folder["empty.gguf"];
        new GgufWriter().Set("a", 1).Write(path);
        using GgufFile file = GgufFile.Open(path);
        using GgufContent mapped = file.Map(GgufPrefetch.Load);
        using GgufContent read = file.ReadAll();
        file.Tensors.Should().BeEmpty();
        file.TensorBytes.Should().Be(0);
    }

    [Fact]
    public void Read_tensors_are_aligned_to_64_bytes()
    {
        using GgufFile file = GgufFile.Open(_path);
        using GgufContent content = file.ReadAll();
        file.Tensors.Select(tensor => content.GetAddress(tensor) % 64).Should().Equal(0, 0, 0);
    }

    [Fact]
    public void A_missing_file_is_an_ordinary_missing_file()
    {
        Action open = () => GgufFile.Open(_folder["absent.gguf"]);
        open.Should().Throw<FileNotFoundException>();
    }

    [Fact]
    public void A_missing_tensor_is_named()
    {
        using GgufFile file = GgufFile.Open(_path);
        file.TryGetTensor("absent", out _).Should().BeFalse();
        Action get = () => file.GetTensor("absent");
        get.Should().Throw<GgufFormatException>().WithMessage("*there is no tensor 'absent'*");
    }

    private static async Task<GgufContent> Load(
        GgufFile file, string kind, IProgress<GgufReadProgress>? progress = null, CancellationToken cancellationToken = default) => kind switch
        {
            "mapped" => file.Map(GgufPrefetch.None, progress, cancellationToken),
            "hinted" => file.Map(GgufPrefetch.Hint, progress, cancellationToken),
            "loaded" => file.Map(GgufPrefetch.Load, progress, cancellationToken),
            "read" => file.ReadAll(progress, cancellationToken),
            _ => await file.ReadAllAsync(progress, cancellationToken),
        };

    private sealed class Recorder(Action<GgufReadProgress>? onReport = null) : IProgress<GgufReadProgress>
    {
        public List<GgufReadProgress> Reports { get; } = [];

        public void Report(GgufReadProgress value)
        {
            Reports.Add(value);
            onReport?.Invoke(value);
        }
    }
}
