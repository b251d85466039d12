using CsCheck;
using Moe.Inference.Gguf;

namespace Moe.Inference.Tests.Gguf;

/// <summary>What the writer writes, the reader reads.</summary>
public class RoundTripTests
{
    [Fact]
    public void Whole_files_round_trip()
    {
        using TemporaryFolder folder = new();
        Samples.AnyContent.Sample(
            content =>
            {
                string path = folder["whole.gguf"];
                content.Writer().Write(path);
                using GgufFile file = GgufFile.Open(path);
                using GgufContent mapped = file.Map();
                using GgufContent read = file.ReadAll();
                content.ShouldBeIn(file, mapped);
                content.ShouldBeIn(file, read);
            },
            iter: 200,
            threads: 1);
    }

    [Fact]
    public void Split_files_round_trip()
    {
        using TemporaryFolder folder = new();
        Gen.Select(Samples.AnyContent, Gen.Int[1, 4], Gen.OneOf(1L, 1000, long.MaxValue), Gen.Int[0, 100]).Sample(
            (content, maxTensors, maxBytes, opened) =>
            {
                IReadOnlyList<string> parts = content.Writer().WriteSplit(folder["split"], maxTensors, maxBytes);
                using GgufFile file = GgufFile.Open(parts[opened % parts.Count]);
                file.Parts.Should().Equal(parts);
                file.Tensors.GroupBy(tensor => tensor.Part).Should().NotContain(part => part.Count() > maxTensors);
                using GgufContent mapped = file.Map();
                using GgufContent read = file.ReadAll();
                content.ShouldBeIn(file, mapped);
                content.ShouldBeIn(file, read);
            },
            iter: 100,
            threads: 1);
    }

    [Fact]
    public void Writing_again_what_was_read_gives_the_same_bytes()
    {
        using TemporaryFolder folder = new();
        Samples.AnyContent.Sample(
            content =>
            {
                content.Writer().Write(folder["first.gguf"]);
                Copy(folder["first.gguf"], folder["second.gguf"]);
                File.ReadAllBytes(folder["second.gguf"]).AsSpan().SequenceEqual(File.ReadAllBytes(folder["first.gguf"])).Should().BeTrue();
            },
            iter: 50,
            threads: 1);
    }

    [SkippableTheory]
    [InlineData("tiny-stories-moe-IQ3_K.gguf")]
    [InlineData("tiny-stories-moe-Q4_K_M.gguf")]
    public void A_real_file_is_written_again_with_the_same_bytes(string name)
    {
        string path = SharedData.Require($"models/tiny-stories-moe/{name}");
        using TemporaryFolder folder = new();
        Copy(path, folder["copy.gguf"]);
        File.ReadAllBytes(folder["copy.gguf"]).AsSpan().SequenceEqual(File.ReadAllBytes(path)).Should().BeTrue();
    }

    [SkippableFact]
    public void A_real_split_file_is_joined_to_the_whole_one()
    {
        string path = SharedData.Require("models/tiny-stories-moe/tiny-stories-moe-Q4_K_M.gguf");
        using TemporaryFolder folder = new();
        Copy(SharedData.Require("models/tiny-stories-moe/tiny-stories-moe-Q4_K_M-split-00002-of-00003.gguf"), folder["joined.gguf"]);
        File.ReadAllBytes(folder["joined.gguf"]).AsSpan().SequenceEqual(File.ReadAllBytes(path)).Should().BeTrue();
    }

    private static void Copy(string from, string to)
    {
        using GgufFile file = GgufFile.Open(from);
        using GgufContent content = file.Map();
        GgufWriter writer = new() { Version = file.Version };
        writer.SetAll(file.Metadata);
        foreach (GgufTensor tensor in file.Tensors)
        {
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Dimensions, stream =>
            {
                for (long row = 0; row < tensor.Rows; row++)
                    stream.Write(content.GetRows(tensor, row, 1));
            });
        }
        writer.Write(to);
    }
}
