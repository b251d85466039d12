using Moe.Inference.Gguf;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Parts that are missing or do not belong together.</summary>
public sealed class SplitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    public void A_missing_part_is_named(int opened, int missing)
    {
        IReadOnlyList<string> parts = Writer("a", 3).WriteSplit(_folder["m"], maxTensorsPerPart: 1);
        File.Delete(parts[missing]);
        GgufFormatException error = Fails(parts[opened], $"*part {missing + 1} of 3 is missing*");
        error.File.Should().Be(parts[missing]);
        error.InnerException.Should().BeOfType<FileNotFoundException>();
    }

    [Fact]
    public void A_part_that_is_itself_missing_is_an_ordinary_missing_file()
    {
        Action open = () => GgufFile.Open(_folder["m-00001-of-00003.gguf"]);
        open.Should().Throw<FileNotFoundException>();
    }

    [Fact]
    public void A_renamed_part_is_refused()
    {
        IReadOnlyList<string> parts = Writer("a", 2).WriteSplit(_folder["m"], maxTensorsPerPart: 1);
        File.Move(parts[0], _folder["other.gguf"]);
        Fails(_folder["other.gguf"], "*is part 1 of 2, so its name must end in '-00001-of-00002.gguf'*");
        File.Move(_folder["other.gguf"], _folder["m-00001-of-00003.gguf"]);
        Fails(_folder["m-00001-of-00003.gguf"], "*is part 1 of 2, so its name must end in*");
    }

    [Fact]
    public void A_part_under_the_name_of_another_is_refused()
    {
        IReadOnlyList<string> parts = Writer("a", 3).WriteSplit(_folder["m"], maxTensorsPerPart: 1);
        File.Copy(parts[2], parts[1], overwrite: true);
        GgufFormatException error = Fails(parts[0], "*says that it is part 3 of 3 with 3 tensors in all; * needs part 2 of 3 *");
        error.File.Should().Be(parts[1]);
    }

    [Fact]
    public void A_part_of_another_split_is_refused()
    {
        IReadOnlyList<string> parts = Writer("a", 3).WriteSplit(_folder["m"], maxTensorsPerPart: 2);
        IReadOnlyList<string> others = Writer("b", 4).WriteSplit(_folder["n"], maxTensorsPerPart: 2);
        File.Copy(others[1], parts[1], overwrite: true);
        Fails(parts[0], "*says that it is part 2 of 2 with 4 tensors in all; * needs part 2 of 2 with 3 tensors*");
    }

    [Fact]
    public void A_whole_file_under_the_name_of_a_part_is_refused()
    {
        IReadOnlyList<string> parts = Writer("a", 2).WriteSplit(_folder["m"], maxTensorsPerPart: 1);
        Writer("a", 1).Write(parts[1]);
        Fails(parts[0], "*says that it is part 1 of 1 *; * needs part 2 of 2*");
    }

    [Fact]
    public void Parts_with_the_same_tensors_are_refused()
    {
        IReadOnlyList<string> parts = Writer("a", 4).WriteSplit(_folder["m"], maxTensorsPerPart: 2);
        // The second part's tensors get the first's names: a2 becomes a0.
        Replace(parts[1], "a2", "a0");
        Fails(parts[0], "*tensor 'a0' is also in*");
    }

    [Fact]
    public void A_wrong_number_of_tensors_is_refused()
    {
        IReadOnlyList<string> parts = Writer("a", 2).WriteSplit(_folder["m"], maxTensorsPerPart: 1);
        foreach (string part in parts)
        {
            long offset;
            using (GgufPart header = GgufPart.Open(part))
                offset = header.Header.Metadata[GgufSplit.TensorCountKey].Offset;
            byte[] bytes = File.ReadAllBytes(part);
            bytes[offset] = 3;
            File.WriteAllBytes(part, bytes);
        }
        Fails(parts[1], "*'split.tensors.count' is 3, but the 2 parts hold 2 tensors*");
    }

    [Fact]
    public void A_damaged_part_is_named()
    {
        IReadOnlyList<string> parts = Writer("a", 2).WriteSplit(_folder["m"], maxTensorsPerPart: 1);
        File.WriteAllBytes(parts[1], File.ReadAllBytes(parts[1])[..50]);
        Fails(parts[0], "*").File.Should().Be(parts[1]);
    }

    [Fact]
    public void A_failed_opening_leaves_no_part_open()
    {
        IReadOnlyList<string> parts = Writer("a", 2).WriteSplit(_folder["m"], maxTensorsPerPart: 1);
        string aside = parts[1] + ".aside";
        File.Move(parts[1], aside);
        Fails(parts[0], "*missing*");
        // An exclusive handle can be had only if no other is open.
        using FileStream exclusive = new(parts[0], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        exclusive.Length.Should().BePositive();
    }

    [Theory]
    [InlineData("a-00001-of-00003.gguf", "a", 0, 3)]
    [InlineData("/x/b-c-12345-of-99999.gguf", "/x/b-c", 12344, 99999)]
    public void Names_of_parts_are_parsed(string path, string prefix, int part, int count)
    {
        GgufSplit.TryParsePath(path, out string? foundPrefix, out int foundPart, out int foundCount).Should().BeTrue();
        (foundPrefix, foundPart, foundCount).Should().Be((prefix, part, count));
        GgufSplit.PathOf(prefix, part, count).Should().Be(path);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-00001-of-00003.gguf")]
    [InlineData("a-0001-of-0003.gguf")]
    [InlineData("a-00001-of-00003.GGUF")]
    [InlineData("a-00001-of-0000x.gguf")]
    [InlineData("a_00001-of-00003.gguf")]
    public void Other_names_are_not(string path) => GgufSplit.TryParsePath(path, out _, out _, out _).Should().BeFalse();

    private static GgufWriter Writer(string prefix, int tensors)
    {
        GgufWriter writer = new GgufWriter().Set("general.architecture", "test");
        for (int i = 0; i < tensors; i++)
            writer.AddTensor($"{prefix}{i}", ElementType.F32, [4], new byte[16]);
        return writer;
    }

    private static void Replace(string path, string from, string to)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int at = bytes.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(from));
        at.Should().BePositive();
        System.Text.Encoding.ASCII.GetBytes(to).CopyTo(bytes, at);
        File.WriteAllBytes(path, bytes);
    }

    private static GgufFormatException Fails(string path, string message)
    {
        Action open = () => GgufFile.Open(path).Dispose();
        return open.Should().Throw<GgufFormatException>().WithMessage(message).Which;
    }
}
