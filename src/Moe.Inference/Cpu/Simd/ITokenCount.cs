namespace Moe.Inference.Cpu.Simd;

/// <summary>A number of tokens known when the kernel is compiled, so that its branches disappear.</summary>
internal interface ITokenCount
{
    /// <summary>1 to 4.</summary>
    static abstract int Value { get; }
}

/// <summary>One token.</summary>
internal readonly struct One : ITokenCount
{
    public static int Value => 1;
}

/// <summary>Two tokens.</summary>
internal readonly struct Two : ITokenCount
{
    public static int Value => 2;
}

/// <summary>Three tokens.</summary>
internal readonly struct Three : ITokenCount
{
    public static int Value => 3;
}

/// <summary>Four tokens.</summary>
internal readonly struct Four : ITokenCount
{
    public static int Value => 4;
}
