namespace Moe.Inference;

/// <summary>No plan can be made: an operation has no kernel and no composed form, or a device is missing.</summary>
public sealed class PlanningException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="operation">The operation's name, or empty if the problem is of no single operation.</param>
    /// <param name="tensor">The node or tensor concerned.</param>
    /// <param name="device">The device concerned.</param>
    /// <param name="reason">Why.</param>
    public PlanningException(string operation, string tensor, string device, string reason)
        : base($"cannot plan {(operation.Length == 0 ? "" : $"'{operation}' for ")}'{tensor}' on {device}: {reason}")
    {
        Operation = operation;
        Tensor = tensor;
        Device = device;
    }

    /// <summary>The operation's name, or empty.</summary>
    public string Operation { get; }

    /// <summary>The node or tensor concerned.</summary>
    public string Tensor { get; }

    /// <summary>The device concerned.</summary>
    public string Device { get; }
}
