using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>One device that can hold tensors and run steps. Used by one thread at a time.</summary>
public interface IBackend : IDisposable
{
    /// <summary>The device.</summary>
    Device Device { get; }

    /// <summary>What it is and what was chosen at start-up, for logs.</summary>
    string Description { get; }

    /// <summary>Allocates device memory; its contents are undefined.</summary>
    /// <param name="bytes">Size.</param>
    /// <param name="purpose">What it is for, as errors name it.</param>
    /// <exception cref="OutOfDeviceMemoryException">There is not so much.</exception>
    DeviceBuffer Allocate(long bytes, string purpose);

    /// <summary>Makes steps that follow each other on this device ready to run.</summary>
    /// <param name="steps">The planned steps with what their kernels bound, in order.</param>
    IDeviceProgram Compile(IReadOnlyList<(PlannedStep Planned, IStep Bound)> steps);

    /// <summary>Copies host bytes into device memory.</summary>
    void Write(DeviceBuffer target, long offset, ReadOnlySpan<byte> data);

    /// <summary>Copies between two places of this device's memory; they must not overlap.</summary>
    void Copy(DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes);

    /// <summary>Copies device memory to the host.</summary>
    void Read(DeviceBuffer source, long offset, Span<byte> data);
}

/// <summary>Steps made ready for one device.</summary>
public interface IDeviceProgram : IDisposable
{
    /// <summary>Runs all steps.</summary>
    /// <param name="size">The numbers behind the symbols of this run, none above the plan's limits.</param>
    /// <param name="cancellation">Stops between steps; the values are then undefined.</param>
    /// <exception cref="DeviceException">A step failed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    void Run(RunSize size, CancellationToken cancellation);
}
