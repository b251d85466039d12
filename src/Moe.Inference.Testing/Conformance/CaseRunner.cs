using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance;

/// <summary>Runs a kernel on one case as a plan's only step.</summary>
internal static class CaseRunner
{
    /// <summary>What a kernel is told in a case.</summary>
    public static KernelOptions OptionsOf(ConformanceCase test, int threads) => new(threads, test.Exact, test.Kv?.Type ?? ElementType.F32);

    /// <summary>Runs a case.</summary>
    /// <returns>The first wrong element, or null.</returns>
    public static Mismatch? Run(IKernel kernel, IBackend backend, int threads, ConformanceCase test, bool guardPages)
    {
        List<GuardedTensor> all = [];
        GuardedTensor Place(CaseOperand operand)
        {
            all.Add(new GuardedTensor(backend, operand, guardPages));
            return all[^1];
        }

        try
        {
            GraphNode node = test.Node;
            KernelOptions options = OptionsOf(test, threads);
            GuardedTensor[] inputs = [.. test.Inputs.Select(Place)];
            GuardedTensor[] weights = [.. test.Weights.Select(Place)];
            GuardedTensor[] outputs = [.. node.Outputs.Select((value, i) => Place(new CaseOperand($"output {i}", value.Shape.Type, value.Width, value.Rows.Resolve(test.Limits), [])))];
            long scratchBytes = kernel.ScratchBytes(node, test.Limits, options);
            if (scratchBytes < 0)
                return new Mismatch("scratch memory", "a size", $"{scratchBytes} bytes");
            GuardedTensor scratch = Place(new CaseOperand("scratch memory", ElementType.I8, 1, scratchBytes, []));
            (GuardedTensor Keys, GuardedTensor Values)? kv = test.Kv is null ? null : (Place(Half("keys", test.Kv.Keys, test.Kv.Layer.KeyWidth, test.Kv)), Place(Half("values", test.Kv.Values, test.Kv.Layer.ValueWidth, test.Kv)));
            KernelBinding binding = new(
                node,
                [.. inputs.Select(tensor => tensor.View)],
                [.. weights.Select(tensor => tensor.View)],
                [.. outputs.Select(tensor => tensor.View)],
                scratch.View,
                kv is null ? null : new KvLayerView(test.Kv!.Layer, kv.Value.Keys.View, kv.Value.Values.View, test.Kv.PageLength),
                test.Limits,
                options);
            IDeviceProgram? program = null;
            try
            {
                return Guarded(() => program = Compile(kernel, backend, binding))
                    ?? Once()
                    // Plans run again and again: what the first run left in scratch memory must not matter.
                    ?? (guardPages ? null : Again());
            }
            finally
            {
                program?.Dispose();
            }

            Mismatch? Again()
            {
                foreach (GuardedTensor output in outputs)
                    output.Reset();
                return Once() is { } wrong ? wrong with { Element = $"second run, {wrong.Element}" } : null;
            }

            Mismatch? Once()
            {
                Mismatch? wrong = Guarded(() =>
                {
                    backend.Enqueue(program!, test.Size, CancellationToken.None);
                    backend.Synchronize();
                });
                if (wrong is not null)
                    return wrong;
                byte[][] results = [.. outputs.Select((tensor, i) => Read(tensor, node.Outputs[i].Shape.ByteLength(test.Size)))];
                byte[]? keys = kv is null ? null : Read(kv.Value.Keys, test.WritesKv ? test.Kv!.Keys.Length : 0);
                byte[]? values = kv is null ? null : Read(kv.Value.Values, test.WritesKv ? test.Kv!.Values.Length : 0);
                foreach (GuardedTensor tensor in (IEnumerable<GuardedTensor>)[.. inputs, .. weights])
                    Read(tensor, 0);
                Read(scratch, scratchBytes);
                return wrong ?? test.Check(new RunResult(results, keys, values));

                byte[] Read(GuardedTensor tensor, long writable)
                {
                    byte[] bytes = tensor.Read(writable, out Mismatch? here);
                    wrong ??= here;
                    return bytes;
                }
            }
        }
        finally
        {
            foreach (GuardedTensor tensor in all)
                tensor.Dispose();
        }
    }

    private static IDeviceProgram Compile(IKernel kernel, IBackend backend, KernelBinding binding)
    {
        IStep step = backend.Bind(kernel, binding);
        ArenaSlot scratch = new(backend.Device, binding.Scratch.Offset, binding.Scratch.ByteLength);
        return backend.Compile([(new PlannedStep(binding.Node, backend.Device, kernel, 0, scratch, []), step)]);
    }

    private static Mismatch? Guarded(Action action)
    {
        try
        {
            action();
            return null;
        }
#pragma warning disable CA1031 // Whatever a kernel throws is a finding of this case, and other cases follow.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            return new Mismatch("the run", "no exception", $"{problem.GetType().Name}: {problem.Message}");
        }
    }

    private static CaseOperand Half(string name, byte[] data, int width, KvImage kv) =>
        new($"{name} of key/value memory", kv.Type, width, data.Length / ElementLayout.Of(kv.Type).RowBytes(width), data);
}
