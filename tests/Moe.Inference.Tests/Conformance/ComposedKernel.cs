using Moe.Inference.Cpu;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Conformance;

/// <summary>A kernel for an operation that computes its composed form with the built-in kernels, part after part.</summary>
internal sealed class ComposedKernel(string operation) : IKernel
{
    private static readonly OpRegistry BuiltIn = Context.CreateRegistry();

    public string Operation => operation;

    public string DeviceKind => Device.CpuKind;

    public string? Refuses(GraphNode node, KernelOptions options) => null;

    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

    public IStep Bind(KernelBinding binding)
    {
        GraphNode node = binding.Node;
        ComposedForm form = ComposedForm.Of(node, binding.Limits);
        Dictionary<GraphValue, TensorView> places = [];
        for (int i = 0; i < form.Stands.Count; i++)
            places[form.Stands[i]] = binding.Inputs[i];
        for (int i = 0; i < form.Results.Count; i++)
            places[form.Results[i]] = binding.Outputs[i];
        return new Step([.. form.Nodes.Select(part => BindPart(part, binding, places))]);
    }

    private static CpuStep BindPart(GraphNode part, KernelBinding binding, Dictionary<GraphValue, TensorView> places)
    {
        IKernel kernel = BuiltIn.Find(part.Operation.Name, Device.CpuKind)!;
        foreach (GraphValue output in part.Outputs.Where(output => !places.ContainsKey(output)))
            places[output] = new TensorView(new HostBuffer(output.Shape.ByteLength(binding.Limits), output.Name), 0, output.Shape.Type, output.Width, output.Rows.Resolve(binding.Limits));
        long scratch = kernel.ScratchBytes(part, binding.Limits, binding.Options);
        return (CpuStep)kernel.Bind(binding with
        {
            Node = part,
            Inputs = [.. part.Inputs.Select(input => places[input])],
            Weights = [.. part.Weights.Select(weight => binding.Weights[binding.Node.Weights.ToList().IndexOf(weight)])],
            Outputs = [.. part.Outputs.Select(output => places[output])],
            Scratch = new TensorView(new HostBuffer(scratch, "scratch"), 0, ElementType.I8, 1, scratch),
        });
    }

    private sealed class Step(CpuStep[] parts) : CpuStep
    {
        public override int Phases => parts.Sum(part => part.Phases);

        public override int Items(int phase, in RunSize size) => Find(ref phase).Items(phase, size);

        public override void Run(int phase, int item, in RunSize size, int worker) => Find(ref phase).Run(phase, item, size, worker);

        private CpuStep Find(ref int phase)
        {
            int part = 0;
            while (phase >= parts[part].Phases)
                phase -= parts[part++].Phases;
            return parts[part];
        }
    }
}
