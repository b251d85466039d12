namespace Moe.Inference.Cuda.Native;

/// <summary>Results of the CUDA driver API that are told apart here (CUDA Driver API, <c>CUresult</c>).</summary>
internal enum CudaResult
{
    Success = 0,
    OutOfMemory = 2,
    NoDevice = 100,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchTimeout = 702,
    PeerAccessAlreadyEnabled = 704,
    Assert = 710,
    HardwareStackError = 714,
    IllegalInstruction = 715,
    MisalignedAddress = 716,
    InvalidAddressSpace = 717,
    InvalidPc = 718,
    LaunchFailed = 719,
}

/// <summary>What a result means for what comes after.</summary>
internal static class CudaResults
{
    /// <summary>Whether the device's context is of no more use: every later call fails, too.</summary>
    public static bool IsSticky(this CudaResult result) => result is CudaResult.IllegalAddress or CudaResult.LaunchTimeout or CudaResult.Assert
        or CudaResult.HardwareStackError or CudaResult.IllegalInstruction or CudaResult.MisalignedAddress or CudaResult.InvalidAddressSpace
        or CudaResult.InvalidPc or CudaResult.LaunchFailed;

    /// <summary>The driver's own words for a result.</summary>
    public static unsafe string Describe(this CudaResult result)
    {
        byte* name = null, text = null;
        _ = Driver.GetErrorName(result, &name);
        _ = Driver.GetErrorString(result, &text);
        return $"{Text(name)}: {Text(text)}";

        static string Text(byte* text) => text is null ? "unknown" : System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)text) ?? "unknown";
    }

    /// <summary>Throws unless a call succeeded.</summary>
    /// <param name="result">What the driver said.</param>
    /// <param name="operation">What was asked of it.</param>
    /// <param name="subject">What it was about.</param>
    /// <param name="device">The device.</param>
    public static void ThrowIfFailed(this CudaResult result, string operation, string subject, string device)
    {
        if (result != CudaResult.Success)
            throw new DeviceException(operation, subject, device, result.Describe(), (int)result) { DeviceLost = result.IsSticky() };
    }
}
