using Moe.Inference.Cuda.Tests.Failures;
using Moe.Inference.Tests.Shared;

namespace Moe.Inference.Cuda.Tests;

/// <summary>Runs the tests of this assembly on GPU machines that have no SDK: arguments are parts of test names, all tests without any.</summary>
internal static class Program
{
    public static int Main(string[] args) => args is [ChildCommands.Create or ChildCommands.LoadTorch] ? ChildCommands.Run(args[0]) : TestRunner.Run(args);
}
