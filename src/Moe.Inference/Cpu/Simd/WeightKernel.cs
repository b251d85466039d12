using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Multiplies rows of weights of one element type with rows of activations; get one from <see cref="WeightKernels"/>. Stateless and
/// thread-safe. The number for a weight row and an activation row does not depend on what else is in the call, to the last bit.
/// </summary>
internal abstract unsafe class WeightKernel
{
    private readonly QuantFormat _format;

    private protected WeightKernel(ElementType type, ActivationFormat activations)
    {
        _format = QuantFormats.Of(type);
        Activations = activations;
    }

    /// <summary>The element type of the weights.</summary>
    public ElementType Type => _format.Type;

    /// <summary>How activations must be prepared.</summary>
    public ActivationFormat Activations { get; }

    /// <summary>Sizes of the weights' blocks.</summary>
    protected ElementLayout Layout => _format.Layout;

    /// <summary>Bytes of one prepared row of <paramref name="k"/> activations, a multiple of 64.</summary>
    public long ActivationRowBytes(int k) => Activations switch
    {
        ActivationFormat.Q8Small => Q8SmallRow.Bytes(k),
        ActivationFormat.Q8Super => Q8SuperRow.Bytes(k),
        _ => (((long)k * sizeof(float)) + 63) & ~63L,
    };

    /// <summary>
    /// Prepares one row of activations. With <see cref="ActivationFormat.F32"/> it is a copy, and callers may pass the floats themselves.
    /// </summary>
    /// <param name="x">k floats.</param>
    /// <param name="destination"><see cref="ActivationRowBytes"/> bytes.</param>
    /// <param name="k">Elements, whole blocks of the weights' type.</param>
    public void QuantizeActivations(float* x, byte* destination, int k)
    {
        switch (Activations)
        {
            case ActivationFormat.Q8Small:
                Q8SmallRow.Quantize(x, destination, k);
                break;
            case ActivationFormat.Q8Super:
                Q8SuperRow.Quantize(x, destination, k);
                break;
            default:
                new ReadOnlySpan<float>(x, k).CopyTo(new Span<float>(destination, k));
                break;
        }
    }

    /// <summary><c>y[t·yStride + r] = Σ weight[r, i] · activation[t, i]</c> for every r and t.</summary>
    /// <param name="w">The first weight row.</param>
    /// <param name="rowBytes">Bytes from one weight row to the next.</param>
    /// <param name="rows">Weight rows.</param>
    /// <param name="x">The first prepared activation row.</param>
    /// <param name="xStride">Bytes from one activation row to the next.</param>
    /// <param name="tokens">Activation rows.</param>
    /// <param name="k">Elements in a row, whole blocks.</param>
    /// <param name="y">The result; only the rows × tokens elements are written.</param>
    /// <param name="yStride">Elements from one token's results to the next's.</param>
    public abstract void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride);

    /// <summary>
    /// The same as <see cref="Dot"/>, with the results of token t at <c>y + targets[t] · yStride</c>. The last argument is room for all results,
    /// where the kernel needs it.
    /// </summary>
    public virtual void DotScattered(
        byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets, float* spare)
    {
        Dot(w, rowBytes, rows, x, xStride, tokens, k, spare, rows);
        for (int token = 0; token < tokens; token++)
            new ReadOnlySpan<float>(spare + ((long)token * rows), rows).CopyTo(new Span<float>(y + (targets[token] * yStride), rows));
    }

    /// <summary>The kernel for rows of this type in packed form, or null where there is none.</summary>
    public virtual PackedKernel? Packed => null;

    /// <summary>Decodes one weight row of k elements.</summary>
    public void Decode(byte* w, float* destination, int k) => _format.Decode(w, destination, k);
}
