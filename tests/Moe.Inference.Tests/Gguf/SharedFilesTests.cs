using Moe.Inference.Gguf;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Real files, as other programs wrote them.</summary>
public class SharedFilesTests
{
    private const string TinyStories = "models/tiny-stories-moe";

    [SkippableFact]
    public void All_reference_files_open_and_their_content_can_be_reached()
    {
        string[] paths = Directory.GetFiles(SharedData.Require("."), "*.gguf", SearchOption.AllDirectories);
        paths.Should().NotBeEmpty();
        foreach (string path in paths)
        {
            using GgufFile file = GgufFile.Open(path);
            file.Metadata.GetString("general.architecture").Should().NotBeEmpty(path);
            using GgufContent content = file.Map();
            foreach (GgufTensor tensor in file.Tensors)
                content.GetRows(tensor, tensor.Rows - 1, 1).Length.Should().Be((int)tensor.RowBytes);
        }
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_split_file_equals_the_whole_one_whichever_part_is_opened(int part)
    {
        using GgufFile whole = GgufFile.Open(SharedData.Require($"{TinyStories}/tiny-stories-moe-Q4_K_M.gguf"));
        using GgufFile split = GgufFile.Open(SharedData.Require($"{TinyStories}/tiny-stories-moe-Q4_K_M-split-0000{part}-of-00003.gguf"));
        split.Parts.Should().HaveCount(3);
        split.TensorBytes.Should().Be(whole.TensorBytes);
        split.Tensors.Select(tensor => tensor.ToString()).Should().Equal(whole.Tensors.Select(tensor => tensor.ToString()));
        split.Metadata.Keys.Except(whole.Metadata.Keys).Should().OnlyContain(key => key.StartsWith("split."));
        whole.Metadata.Keys.Except(split.Metadata.Keys).Should().BeEmpty();

        using GgufContent wholeContent = whole.Map();
        using GgufContent mapped = split.Map(GgufPrefetch.Hint);
        using GgufContent read = split.ReadAll();
        foreach (GgufTensor tensor in whole.Tensors)
        {
            split.TryGetTensor(tensor.Name, out GgufTensor? same).Should().BeTrue();
            byte[] expected = wholeContent.Bytes(tensor);
            mapped.Bytes(same!).AsSpan().SequenceEqual(expected).Should().BeTrue(tensor.Name);
            read.Bytes(same!).AsSpan().SequenceEqual(expected).Should().BeTrue(tensor.Name);
        }
    }

    [SkippableFact]
    public void Known_content_is_found_where_the_directory_says()
    {
        string path = SharedData.Require($"{TinyStories}/tiny-stories-moe-Q4_K_M.gguf");
        using GgufFile file = GgufFile.Open(path);
        file.Metadata.GetString("general.architecture").Should().Be("qwen3moe");
        file.Metadata.GetInt32("qwen3moe.block_count").Should().Be(6);
        file.Metadata.GetStrings("tokenizer.ggml.tokens").Should().HaveCount(4096);
        using GgufContent content = file.ReadAll();
        using FileStream stream = File.OpenRead(path);
        foreach (GgufTensor tensor in file.Tensors)
        {
            byte[] expected = new byte[tensor.ByteLength];
            stream.Position = tensor.Offset;
            stream.ReadExactly(expected);
            content.Bytes(tensor).AsSpan().SequenceEqual(expected).Should().BeTrue(tensor.Name);
            (content.GetAddress(tensor) % 64).Should().Be(0);
        }
    }
}

internal static class ContentExtensions
{
    public static byte[] Bytes(this GgufContent content, GgufTensor tensor) => content.GetRows(tensor, 0, (int)tensor.Rows).ToArray();
}
