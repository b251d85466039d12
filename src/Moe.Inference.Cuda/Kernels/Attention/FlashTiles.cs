using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The shared memory of the kernels that compute attention on tensor cores (<c>flash_tiles.cuh</c>).</summary>
/// <param name="type">Element type of key/value memory.</param>
/// <param name="shape">Heads and widths.</param>
internal readonly struct FlashTiles(ElementType type, AttentionShape shape)
{
    /// <summary>Query heads that a block of few tokens takes.</summary>
    public const int SplitRows = 16;

    /// <summary>Threads of such a block.</summary>
    public const int SplitThreads = 32 * SplitWarps;

    /// <summary>Rows (a token and a head) that a block of many tokens takes.</summary>
    public const int PromptRows = 64;

    /// <summary>Threads of such a block.</summary>
    public const int PromptThreads = 2 * PromptRows;

    private const int SplitWarps = 4;
    private const int SplitStages = 3;
    private const int SplitKeys = 16;
    private const int PromptStages = 2;
    private const int PromptKeys = 64;

    // Wider heads need more registers than there are.
    private const int WidestHead = 128;
    private const int ShortestPage = 16;

    /// <summary>Whether there are kernels for a type, a shape and a length of pages.</summary>
    public static bool Take(ElementType type, AttentionShape shape, int pageLength)
    {
        int step = type switch { ElementType.F16 => 16, ElementType.Q8_0 => 32, _ => int.MaxValue };
        return shape.KeyWidth % step == 0 && shape.ValueWidth % step == 0 && Math.Max(shape.KeyWidth, shape.ValueWidth) <= WidestHead && pageLength % ShortestPage == 0;
    }

    /// <summary>Shared memory of a block of few tokens.</summary>
    public int SplitBytes => Math.Max(
        SplitWarps * ((SplitStages * StageBytes(SplitKeys)) + Math.Max(KeyPlaneBytes(SplitKeys), ValuePlaneBytes(SplitKeys))),
        SplitWarps * SplitRows * (shape.ValueWidth + 2) * sizeof(float));

    /// <summary>Shared memory of a block of many tokens.</summary>
    public int PromptBytes => (PromptStages * StageBytes(PromptKeys)) + KeyPlaneBytes(PromptKeys) + ValuePlaneBytes(PromptKeys);

    /// <summary>The kernel of few tokens.</summary>
    public KernelCode SplitCode => new("flash_split.cu", "flash_split", $"{Defines} SHARED={SplitBytes} {FlashParts.Defines}");

    /// <summary>The kernel of many tokens.</summary>
    public KernelCode PromptCode => new("flash_prompt.cu", "flash_prompt", $"{Defines} SHARED={PromptBytes} ROWS={PromptRows}");

    private string Defines => $"KV={KvFormats.StructOf(type)} KEY={shape.KeyWidth} VALUE={shape.ValueWidth}";

    private int StageBytes(int keys) => CopyBytes(shape.KeyWidth, keys) + CopyBytes(shape.ValueWidth, keys);

    // Rows as they are copied: halves in padded rows, others as they come.
    private int CopyBytes(int width, int keys) => type == ElementType.F16 ? HalfRows(width, keys) : keys * (int)ElementLayout.Of(type).RowBytes(width);

    // Two halves for each element that is not a half itself.
    private int KeyPlaneBytes(int keys) => type == ElementType.F16 ? 0 : 2 * HalfRows(shape.KeyWidth, keys);

    // A bfloat16 for each code.
    private int ValuePlaneBytes(int keys) => type == ElementType.F16 ? 0 : HalfRows(shape.ValueWidth, keys);

    private static int HalfRows(int width, int keys) => keys * (width + 8) * 2;
}
