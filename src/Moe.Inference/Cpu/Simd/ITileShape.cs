namespace Moe.Inference.Cpu.Simd;

/// <summary>How a product wants weights to be unpacked.</summary>
internal interface ITileShape
{
    /// <summary>Lanes of a vector; a tile has two vectors of rows.</summary>
    static abstract int Count { get; }

    /// <summary>Whether sums of products are two 16-bit numbers a lane, to be widened before they overflow; otherwise one of 32 bits.</summary>
    static abstract bool ShortSums { get; }

    /// <summary>Whether signed codes are stored plus 128, as unsigned ones.</summary>
    static abstract bool BiasedCodes { get; }

    /// <summary>
    /// Whether the product itself takes away what the zero point of super-block formats adds; otherwise it comes as a minimum of each group.
    /// </summary>
    static virtual bool KnowsZeroPoint => false;

    /// <summary>Whether super-block formats with minimums meet the sums of 32 activations; otherwise those of 16.</summary>
    static virtual bool TakesPairSums => false;
}
