using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>The contract of plain floating-point elements.</summary>
/// <typeparam name="TSelf">The format itself.</typeparam>
internal unsafe interface IFloatElement<TSelf>
    where TSelf : struct, IFloatElement<TSelf>
{
    /// <summary>The element type this is.</summary>
    static abstract ElementType Type { get; }

    /// <summary>Bytes of one element.</summary>
    static abstract int Bytes { get; }

    /// <summary>Widens the 4 elements at <paramref name="p"/>.</summary>
    static abstract Vector128<float> Load128(byte* p);

    /// <summary>Widens the 8 elements at <paramref name="p"/>.</summary>
    static abstract Vector256<float> Load256(byte* p);

    /// <summary>Widens the 16 elements at <paramref name="p"/>.</summary>
    static abstract Vector512<float> Load512(byte* p);

    /// <summary>Narrows 8 floats to the 8 elements at <paramref name="p"/>, to nearest even.</summary>
    static abstract void Store256(Vector256<float> value, byte* p);
}
