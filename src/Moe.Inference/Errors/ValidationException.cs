namespace Moe.Inference;

/// <summary>Validation mode found a step that does not do what its operation says.</summary>
public sealed class ValidationException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="step">The step's number in the plan.</param>
    /// <param name="operation">The operation's name.</param>
    /// <param name="tensor">The node that was computed.</param>
    /// <param name="device">The device.</param>
    /// <param name="finding">What is wrong, with the first wrong element where there is one.</param>
    public ValidationException(int step, string operation, string tensor, string device, string finding)
        : base($"step {step}, '{operation}' of '{tensor}' on {device}: {finding}")
    {
        Step = step;
        Operation = operation;
        Tensor = tensor;
        Device = device;
        Finding = finding;
    }

    /// <summary>The step's number in the plan.</summary>
    public int Step { get; }

    /// <summary>The operation's name.</summary>
    public string Operation { get; }

    /// <summary>The node that was computed.</summary>
    public string Tensor { get; }

    /// <summary>The device.</summary>
    public string Device { get; }

    /// <summary>What is wrong.</summary>
    public string Finding { get; }
}
