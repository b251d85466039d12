namespace Moe.Inference.Graph;

/// <summary>
/// What a node computes, with its parameters. Two operations with equal parameters are equal. An operation knows shapes, bytes and, if it is
/// fused, its composed form; it never knows a device: kernels do the work.
/// </summary>
public abstract record Operation
{
    /// <summary>The name kernels are registered under and switched off by, such as <c>fused-moe</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether <see cref="Compose"/> can express this operation by simpler ones.</summary>
    public virtual bool HasComposedForm => false;

    /// <summary>Checks the operands and says what comes out.</summary>
    /// <exception cref="ArgumentException">Operands do not fit the operation; the message names them.</exception>
    public abstract IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights);

    /// <summary>The exact bytes that one execution reads and writes.</summary>
    public virtual Footprint GetFootprint(GraphNode node, RunSize size) => Footprint.Whole(node, size);

    /// <summary>Adds simpler nodes that compute the same numbers, within rounding, and returns what stands for each output.</summary>
    /// <param name="node">The node to express; its operands are already values of <paramref name="builder"/>.</param>
    /// <param name="builder">Where the nodes go.</param>
    /// <param name="limits">The largest run the plan is made for.</param>
    /// <exception cref="NotSupportedException">The operation has no composed form.</exception>
    public virtual IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits) =>
        throw new NotSupportedException($"the operation '{Name}' has no composed form");

    /// <summary>Throws with the operation's name unless a condition on the operands holds.</summary>
    protected void Require(bool condition, string expectation)
    {
        if (!condition)
            throw new ArgumentException($"{Name}: {expectation}");
    }
}
