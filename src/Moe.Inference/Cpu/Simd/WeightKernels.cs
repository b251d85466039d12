using System.Collections.Concurrent;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Cpu.Jit;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Makes and keeps the <see cref="WeightKernel"/> of each element type and path.</summary>
internal static class WeightKernels
{
    private static readonly ConcurrentDictionary<(ElementType, CpuPath, bool), WeightKernel> Made = new();

    /// <summary>The kernel for a type on the path of this process.</summary>
    /// <inheritdoc cref="For(ElementType, CpuPath, bool)"/>
    public static WeightKernel For(ElementType type, bool exact = false) => For(type, CpuFeatures.Current, exact);

    /// <summary>The kernel for a type on a path.</summary>
    /// <param name="type">The element type of the weights.</param>
    /// <param name="path">The instructions to use.</param>
    /// <param name="exact">Whether activations stay float32, and the arithmetic with them.</param>
    /// <exception cref="UnsupportedModelException">The type cannot be decoded.</exception>
    /// <exception cref="CpuPathException">The machine does not have the path.</exception>
    public static WeightKernel For(ElementType type, CpuPath path, bool exact) => Made.GetOrAdd((type, path, exact), static key =>
    {
        (ElementType type, CpuPath path, bool exact) = key;
        if (!CpuFeatures.IsSupported(path))
            throw new CpuPathException(path.ToString(), $"kernels for {path} cannot run: this machine does not have these instructions");
        return QuantFormats.Of(type).Accept(new Factory(path, exact));
    });

    private sealed class Factory(CpuPath path, bool exact) : IFormatVisitor<WeightKernel>
    {
        public WeightKernel VisitSuper<T>()
            where T : struct, ISuperBlock<T> => (path, exact) switch
            {
                (_, true) => Exact(T.Type),
                (CpuPath.Scalar, _) => new PortableSuperKernel<T>(),
                (CpuPath.Avx2, _) => new SuperKernel<T, SuperRows<T, Avx2Rows>>(Super<T>()),
                ( >= CpuPath.Avx512, _) => new SuperKernel<T, WideSuperRows<T>>(JitTiles.Super<T>(path) ?? Super<T>()),
                _ when AvxVnni.IsSupported => new SuperKernel<T, SuperRows<T, VnniRows>>(JitTiles.Super<T>(path) ?? Super<T>()),
                _ => new SuperKernel<T, SuperRows<T, Avx2Rows>>(JitTiles.Super<T>(path) ?? Super<T>()),
            };

        public WeightKernel VisitSmall<T>()
            where T : struct, ISmallBlock<T> => (path, exact) switch
            {
                (_, true) => Exact(T.Type),
                (CpuPath.Scalar, _) => new PortableSmallKernel<T>(),
                (CpuPath.Avx2, _) => new SmallKernel<T, SmallRows<T, Avx2Rows>>(Small<T>()),
                ( >= CpuPath.Avx512, _) when AvxVnni.IsSupported => new SmallKernel<T, WideSmallRows<T>>(JitTiles.Small<T>(path) ?? Small<T>()),
                _ when AvxVnni.IsSupported => new SmallKernel<T, SmallRows<T, VnniRows>>(JitTiles.Small<T>(path) ?? Small<T>()),
                _ => new SmallKernel<T, SmallRows<T, Avx2Rows>>(JitTiles.Small<T>(path) ?? Small<T>()),
            };

        public WeightKernel VisitFloat<T>()
            where T : struct, IFloatElement<T> => path switch
            {
                >= CpuPath.Avx512 => new FloatKernel<T, Vector512<float>, Lanes512>(),
                CpuPath.Scalar => new FloatKernel<T, Vector128<float>, Lanes128>(),
                _ => new FloatKernel<T, Vector256<float>, Lanes256>(),
            };

        private Tiles Super<T>()
            where T : struct, ISuperBlock<T> => path switch
            {
                >= CpuPath.Avx512 when !T.SignedCodes => SuperTiles<T, Vector512<int>, Unsigned512>(),
                >= CpuPath.AvxVnni when AvxVnni.IsSupported => SuperTiles<T, Vector256<int>, Vnni256>(),
                _ => T.SignedCodes ? SuperTiles<T, Vector256<int>, Signed256>() : SuperTiles<T, Vector256<int>, Unsigned256>(),
            };

        private Tiles Small<T>()
            where T : struct, ISmallBlock<T> => path switch
            {
                >= CpuPath.Avx512 when !T.SignedCodes => SmallTiles<T, Vector512<int>, Unsigned512>(),
                >= CpuPath.AvxVnni when AvxVnni.IsSupported => SmallTiles<T, Vector256<int>, Vnni256>(),
                _ => T.SignedCodes ? SmallTiles<T, Vector256<int>, Signed256>() : SmallTiles<T, Vector256<int>, Unsigned256>(),
            };

        private static Tiles<SuperTileFormat<T, L>> SuperTiles<T, V, L>()
            where T : struct, ISuperBlock<T>
            where V : struct
            where L : struct, ITileLanes<V> => new(new SuperTileProduct<T, V, L>());

        private static Tiles<SmallTileFormat<T, L>> SmallTiles<T, V, L>()
            where T : struct, ISmallBlock<T>
            where V : struct
            where L : struct, ITileLanes<V> => new(new SmallTileProduct<T, V, L>());

        private WeightKernel Exact(ElementType type) => path switch
        {
            >= CpuPath.Avx512 => new ExactKernel<Vector512<float>, Lanes512>(type),
            CpuPath.Scalar => new ExactKernel<Vector128<float>, Lanes128>(type),
            _ => new ExactKernel<Vector256<float>, Lanes256>(type),
        };
    }
}
