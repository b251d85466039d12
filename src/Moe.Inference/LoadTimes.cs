namespace Moe.Inference;

/// <summary>Where the time of loading a model went.</summary>
/// <param name="Headers">Reading and checking what the file says of itself, and planning its placement.</param>
/// <param name="Bringing">Mapping the file, or reading it.</param>
/// <param name="Uploading">Sending weights to devices.</param>
/// <param name="Allocating">Of that, allocating their memory.</param>
/// <param name="UploadedBytes">Bytes of those weights.</param>
internal readonly record struct LoadTimes(TimeSpan Headers, TimeSpan Bringing, TimeSpan Uploading, TimeSpan Allocating, long UploadedBytes);
