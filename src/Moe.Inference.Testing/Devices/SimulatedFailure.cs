namespace Moe.Inference.Testing;

/// <summary>What a simulated device can be told to fail at.</summary>
public enum SimulatedFailure
{
    /// <summary>An allocation finds no memory: <see cref="OutOfDeviceMemoryException"/> at once.</summary>
    Allocation,

    /// <summary>A copy fails, between host and device or within the device.</summary>
    Transfer,

    /// <summary>A kernel fails to start.</summary>
    Launch,

    /// <summary>The device goes away at a copy or at a kernel: everything on it fails from then on.</summary>
    DeviceLost,
}
