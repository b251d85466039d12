namespace Moe.Inference;

/// <summary>A device failed while it ran a step.</summary>
public sealed class DeviceException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="operation">The operation's name.</param>
    /// <param name="tensor">The node that was computed.</param>
    /// <param name="device">The device.</param>
    /// <param name="reason">What happened.</param>
    /// <param name="code">The device's own error number, or 0.</param>
    /// <param name="inner">The cause, if any.</param>
    public DeviceException(string operation, string tensor, string device, string reason, int code = 0, Exception? inner = null)
        : base($"'{operation}' of '{tensor}' failed on {device}: {reason}{(code == 0 ? "" : $" (code {code})")}", inner)
    {
        Operation = operation;
        Tensor = tensor;
        Device = device;
        Code = code;
    }

    /// <summary>The operation's name.</summary>
    public string Operation { get; }

    /// <summary>The node that was computed.</summary>
    public string Tensor { get; }

    /// <summary>The device.</summary>
    public string Device { get; }

    /// <summary>The device's own error number, or 0.</summary>
    public int Code { get; }

    /// <summary>Whether the device is gone for good: what it held is lost, and everything on it fails from now on.</summary>
    public bool DeviceLost { get; init; }
}
