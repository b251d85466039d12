
namespace Moe.Inference.Ops;

/// <summary>
/// Which kernels exist and which operations are switched off. A planner that finds no kernel for a node, or finds the operation switched
/// off, uses the composed form. Register kernels and switch operations before creating contexts; a context takes a copy.
/// </summary>
public sealed class OpRegistry
{
    private readonly Dictionary<(string Operation, string DeviceKind), IKernel> _kernels = [];
    private readonly HashSet<string> _disabled = new(StringComparer.Ordinal);

    /// <summary>The registered kernels.</summary>
    public IReadOnlyCollection<IKernel> Kernels => _kernels.Values;

    /// <summary>The names of operations that are switched off.</summary>
    public IReadOnlyCollection<string> Disabled => _disabled;

    /// <summary>Adds a kernel, in place of any other for the same operation and kind of device.</summary>
    public OpRegistry Register(IKernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        _kernels[(kernel.Operation, kernel.DeviceKind)] = kernel;
        return this;
    }

    /// <summary>Adds another registry's kernels where this one has none of its own.</summary>
    public OpRegistry RegisterMissing(OpRegistry others)
    {
        ArgumentNullException.ThrowIfNull(others);
        foreach ((var key, IKernel kernel) in others._kernels)
            _kernels.TryAdd(key, kernel);
        return this;
    }

    /// <summary>Switches an operation off: plans use its composed form on every device.</summary>
    /// <param name="operation">The name, such as <see cref="FusedMoeOp.OpName"/>.</param>
    /// <exception cref="ArgumentException">No kernel is registered under that name, so the switch would have no effect.</exception>
    public OpRegistry Disable(string operation)
    {
        if (!_kernels.Keys.Any(key => key.Operation == operation))
            throw new ArgumentException($"no operation is called '{operation}'; known: {string.Join(", ", _kernels.Keys.Select(key => key.Operation).Distinct().Order(StringComparer.Ordinal))}", nameof(operation));
        _disabled.Add(operation);
        return this;
    }

    /// <summary>Switches an operation on again.</summary>
    public OpRegistry Enable(string operation)
    {
        _disabled.Remove(operation);
        return this;
    }

    /// <summary>Whether an operation may be used in its own form.</summary>
    public bool IsEnabled(string operation) => !_disabled.Contains(operation);

    /// <summary>The kernel for an operation on a kind of device, switched off or not.</summary>
    public IKernel? Find(string operation, string deviceKind) => _kernels.GetValueOrDefault((operation, deviceKind));

    /// <summary>A copy that later changes of this registry do not reach.</summary>
    public OpRegistry Copy()
    {
        OpRegistry copy = new();
        foreach ((var key, IKernel kernel) in _kernels)
            copy._kernels[key] = kernel;
        copy._disabled.UnionWith(_disabled);
        return copy;
    }
}
