using System.Runtime.InteropServices;

namespace Moe.Inference.Cuda.Native;

/// <summary>The part of the CUDA driver API that is used (CUDA Driver API reference).</summary>
internal static unsafe partial class Driver
{
    private const string Lib = NativeLibraries.DriverName;

    [LibraryImport(Lib, EntryPoint = "cuInit")]
    public static partial CudaResult Init(uint flags);

    [LibraryImport(Lib, EntryPoint = "cuDriverGetVersion")]
    public static partial CudaResult DriverGetVersion(int* version);

    [LibraryImport(Lib, EntryPoint = "cuGetErrorName")]
    public static partial CudaResult GetErrorName(CudaResult result, byte** name);

    [LibraryImport(Lib, EntryPoint = "cuGetErrorString")]
    public static partial CudaResult GetErrorString(CudaResult result, byte** text);

    [LibraryImport(Lib, EntryPoint = "cuDeviceGetCount")]
    public static partial CudaResult DeviceGetCount(int* count);

    [LibraryImport(Lib, EntryPoint = "cuDeviceGet")]
    public static partial CudaResult DeviceGet(int* device, int ordinal);

    [LibraryImport(Lib, EntryPoint = "cuDeviceGetName")]
    public static partial CudaResult DeviceGetName(byte* name, int length, int device);

    [LibraryImport(Lib, EntryPoint = "cuDeviceGetAttribute")]
    public static partial CudaResult DeviceGetAttribute(int* value, DeviceAttribute attribute, int device);

    [LibraryImport(Lib, EntryPoint = "cuDeviceTotalMem_v2")]
    public static partial CudaResult DeviceTotalMem(nuint* bytes, int device);

    [LibraryImport(Lib, EntryPoint = "cuDevicePrimaryCtxRetain")]
    public static partial CudaResult PrimaryContextRetain(nint* context, int device);

    [LibraryImport(Lib, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    public static partial CudaResult PrimaryContextRelease(int device);

    [LibraryImport(Lib, EntryPoint = "cuCtxSetCurrent")]
    public static partial CudaResult ContextSetCurrent(nint context);

    [LibraryImport(Lib, EntryPoint = "cuMemGetInfo_v2")]
    public static partial CudaResult MemoryGetInfo(nuint* free, nuint* total);

    [LibraryImport(Lib, EntryPoint = "cuMemAlloc_v2")]
    public static partial CudaResult MemoryAllocate(nint* address, nuint bytes);

    [LibraryImport(Lib, EntryPoint = "cuMemFree_v2")]
    public static partial CudaResult MemoryFree(nint address);

    [LibraryImport(Lib, EntryPoint = "cuMemHostAlloc")]
    public static partial CudaResult HostAllocate(nint* address, nuint bytes, uint flags);

    [LibraryImport(Lib, EntryPoint = "cuMemFreeHost")]
    public static partial CudaResult HostFree(nint address);

    [LibraryImport(Lib, EntryPoint = "cuMemHostRegister_v2")]
    public static partial CudaResult HostRegister(nint address, nuint bytes, uint flags);

    [LibraryImport(Lib, EntryPoint = "cuMemHostUnregister")]
    public static partial CudaResult HostUnregister(nint address);

    [LibraryImport(Lib, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    public static partial CudaResult CopyToDevice(nint target, nint source, nuint bytes, nint stream);

    [LibraryImport(Lib, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    public static partial CudaResult CopyToHost(nint target, nint source, nuint bytes, nint stream);

    [LibraryImport(Lib, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    public static partial CudaResult CopyWithin(nint target, nint source, nuint bytes, nint stream);

    [LibraryImport(Lib, EntryPoint = "cuMemcpyPeerAsync")]
    public static partial CudaResult CopyFromPeer(nint target, nint targetContext, nint source, nint sourceContext, nuint bytes, nint stream);

    [LibraryImport(Lib, EntryPoint = "cuDeviceCanAccessPeer")]
    public static partial CudaResult DeviceCanAccessPeer(int* can, int device, int peer);

    [LibraryImport(Lib, EntryPoint = "cuCtxEnablePeerAccess")]
    public static partial CudaResult EnablePeerAccess(nint peerContext, uint flags);

    [LibraryImport(Lib, EntryPoint = "cuStreamCreate")]
    public static partial CudaResult StreamCreate(nint* stream, uint flags);

    [LibraryImport(Lib, EntryPoint = "cuStreamDestroy_v2")]
    public static partial CudaResult StreamDestroy(nint stream);

    [LibraryImport(Lib, EntryPoint = "cuStreamSynchronize")]
    public static partial CudaResult StreamSynchronize(nint stream);

    [LibraryImport(Lib, EntryPoint = "cuStreamWaitEvent")]
    public static partial CudaResult StreamWaitEvent(nint stream, nint awaited, uint flags);

    [LibraryImport(Lib, EntryPoint = "cuEventCreate")]
    public static partial CudaResult EventCreate(nint* created, uint flags);

    [LibraryImport(Lib, EntryPoint = "cuEventDestroy_v2")]
    public static partial CudaResult EventDestroy(nint destroyed);

    [LibraryImport(Lib, EntryPoint = "cuEventRecord")]
    public static partial CudaResult EventRecord(nint recorded, nint stream);

    [LibraryImport(Lib, EntryPoint = "cuEventSynchronize")]
    public static partial CudaResult EventSynchronize(nint awaited);

    [LibraryImport(Lib, EntryPoint = "cuModuleLoadData")]
    public static partial CudaResult ModuleLoadData(nint* module, byte* image);

    [LibraryImport(Lib, EntryPoint = "cuModuleUnload")]
    public static partial CudaResult ModuleUnload(nint module);

    [LibraryImport(Lib, EntryPoint = "cuModuleGetFunction", StringMarshalling = StringMarshalling.Utf8)]
    public static partial CudaResult ModuleGetFunction(nint* function, nint module, string name);

    [LibraryImport(Lib, EntryPoint = "cuFuncSetAttribute")]
    public static partial CudaResult FunctionSetAttribute(nint function, FunctionAttribute attribute, int value);

    [LibraryImport(Lib, EntryPoint = "cuLaunchKernelEx")]
    public static partial CudaResult LaunchKernel(LaunchConfiguration* configuration, nint function, void** parameters, void** extra);

    [LibraryImport(Lib, EntryPoint = "cuStreamBeginCapture_v2")]
    public static partial CudaResult StreamBeginCapture(nint stream, int mode);

    [LibraryImport(Lib, EntryPoint = "cuStreamEndCapture")]
    public static partial CudaResult StreamEndCapture(nint stream, nint* graph);

    [LibraryImport(Lib, EntryPoint = "cuGraphInstantiateWithFlags")]
    public static partial CudaResult GraphInstantiate(nint* executable, nint graph, ulong flags);

    [LibraryImport(Lib, EntryPoint = "cuGraphLaunch")]
    public static partial CudaResult GraphLaunch(nint executable, nint stream);

    [LibraryImport(Lib, EntryPoint = "cuGraphDestroy")]
    public static partial CudaResult GraphDestroy(nint graph);

    [LibraryImport(Lib, EntryPoint = "cuGraphExecDestroy")]
    public static partial CudaResult GraphExecutableDestroy(nint executable);
}

/// <summary>Attributes of a device (CUDA Driver API, <c>CUdevice_attribute</c>).</summary>
internal enum DeviceAttribute
{
    MultiprocessorCount = 16,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    MaxSharedMemoryPerBlockOptIn = 97,
}

/// <summary>Attributes of a function (CUDA Driver API, <c>CUfunction_attribute</c>).</summary>
internal enum FunctionAttribute
{
    MaxDynamicSharedBytes = 8,
}

/// <summary>A launch (CUDA Driver API, <c>CUlaunchConfig</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LaunchConfiguration
{
    public uint GridX, GridY, GridZ, BlockX, BlockY, BlockZ, SharedBytes;
    public nint Stream;
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>An attribute of a launch (CUDA Driver API, <c>CUlaunchAttribute</c>): its number, and a value in 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct LaunchAttribute
{
    /// <summary>The kernel may begin while the one before it ends (<c>CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION</c>).</summary>
    public const int ProgrammaticStreamSerialization = 6;

    [FieldOffset(0)]
    public int Number;

    [FieldOffset(8)]
    public int Value;
}
