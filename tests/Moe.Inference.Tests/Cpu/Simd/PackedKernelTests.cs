using Moe.Inference.Cpu;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.Quantization;

namespace Moe.Inference.Tests.Cpu.Simd;

public unsafe class PackedKernelTests
{
    public static TheoryData<ElementType, string> Kernels
    {
        get
        {
            TheoryData<ElementType, string> all = [];
            foreach (ElementType type in QuantFormats.Types)
            {
                foreach (CpuPath path in CpuFeatures.Available.Where(path => WeightKernels.For(type, path, exact: false).Packed is not null))
                    all.Add(type, path.ToString());
            }

            // A theory without data is a failure, and machines without AVX-512 have no packed form.
            if (all.Count == 0)
                all.Add(ElementType.F32, nameof(CpuPath.Scalar));
            return all;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Kernels))]
    public void Packed_rows_give_the_same_bits(ElementType type, string path)
    {
        WeightKernel kernel = WeightKernels.For(type, Enum.Parse<CpuPath>(path), exact: false);
        Skip.If(kernel.Packed is null, "no format has a packed form on this machine");
        int seed = Random.Shared.Next();
        Random random = new(seed);
        foreach ((int groups, int k) in ((int, int)[])[(1, 256), (2, 512), (1, 768), (3, 2048)])
        {
            int rows = groups * kernel.Packed.GroupRows;
            byte[] original = KernelCase.EncodeGaussian(kernel, rows, k, random.Next());
            byte[] packed = Pack(kernel.Packed, original, rows);
            float[] activations = QuantFormatTests.Gaussian(20 * k, random.Next());
            foreach (int tokens in (int[])[1, 2, 3, 4, 5, 7, 8, 9, 20])
            {
                float[] x = activations[..(tokens * k)];
                float[] expected = new KernelCase(kernel, rows, tokens, k, original, x).Run(0, rows, 0, tokens);
                new KernelCase(kernel.Packed, rows, tokens, k, packed, x).Run(0, rows, 0, tokens).Should().Equal(expected, "seed {0}, {1} rows, k {2}, {3} tokens", seed, rows, k, tokens);
            }
        }
    }

    [SkippableFact]
    public void Groups_are_packed_once_and_when_they_are_wanted()
    {
        const int Width = 512, Groups = 12;
        PackedKernel kernel = Require(ElementType.Q4_K);
        int rows = Groups * kernel.GroupRows;
        byte[] original = KernelCase.EncodeGaussian(WeightKernels.For(ElementType.Q4_K), rows, Width, 3), expected = Pack(kernel, original, rows);
        using HostBuffer memory = new(original.Length, "test");
        original.CopyTo(new Span<byte>((void*)memory.Address, original.Length));
        using PackedWeights packed = new(new TensorView(memory, 0, ElementType.Q4_K, Width, rows), kernel, null);
        int groupBytes = original.Length / Groups;
        packed.Bytes.Should().Be(0);

        Group(packed, 5, groupBytes).SequenceEqual(expected.AsSpan(5 * groupBytes, groupBytes)).Should().BeTrue();
        packed.Bytes.Should().Be(groupBytes);
        Parallel.For(0, 64, i =>
        {
            int first = i * 5 % Groups, count = 1 + (i % (Groups - first));
            byte* found = packed.Rows((long)first * groupBytes, count * kernel.GroupRows);
            if (!new Span<byte>(found, count * groupBytes).SequenceEqual(expected.AsSpan(first * groupBytes, count * groupBytes)))
                throw new InvalidOperationException($"groups {first} to {first + count - 1} are wrong");
        });
        packed.Bytes.Should().Be(original.Length);
        packed.Time.Should().BePositive();
    }

    [SkippableFact]
    public void Matrices_that_are_not_whole_groups_stay_as_they_are()
    {
        PackedKernel kernel = Require(ElementType.Q4_K);
        PackedWeights.KernelFor(ElementType.Q4_K, 4 * kernel.GroupRows).Should().BeSameAs(kernel);
        PackedWeights.KernelFor(ElementType.Q4_K, (4 * kernel.GroupRows) + 8).Should().BeNull();
        PackedWeights.KernelFor(ElementType.F16, 4 * kernel.GroupRows).Should().BeNull();
        WeightKernels.For(ElementType.Q4_K, exact: true).Packed.Should().BeNull("float32 activations take rows as they are");
    }

    private static Span<byte> Group(PackedWeights packed, int group, int groupBytes) =>
        new(packed.Rows((long)group * groupBytes, packed.Kernel.GroupRows), groupBytes);

    private static PackedKernel Require(ElementType type)
    {
        PackedKernel? kernel = WeightKernels.For(type).Packed;
        Skip.If(kernel is null, $"{type} has no packed form on the path {CpuFeatures.Current}");
        return kernel;
    }

    private static byte[] Pack(PackedKernel kernel, byte[] rows, int count)
    {
        byte[] packed = new byte[rows.Length];
        int rowBytes = rows.Length / count;
        fixed (byte* from = rows, to = packed)
        {
            for (int row = 0; row < count; row += kernel.GroupRows)
                kernel.Pack(from + ((long)row * rowBytes), rowBytes, to + ((long)row * rowBytes));
        }

        return packed;
    }
}
