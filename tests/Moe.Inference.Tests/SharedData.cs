namespace Moe.Inference.Tests;

/// <summary>Finds the reference data that lies beside a checkout; tests that need it skip, and say so, where it is absent.</summary>
internal static class SharedData
{
    /// <summary>The folder named <c>shared</c> beside the repository's root, or null.</summary>
    public static string? Root { get; } = Find();

    /// <summary>The path of a file or folder of the reference data; skips the running test if it is not there.</summary>
    public static string Require(string relative)
    {
        string? path = Root is null ? null : Path.Combine(Root, relative);
        Skip.If(path is null || !Path.Exists(path), $"the reference data 'shared/{relative}' is not beside this checkout");
        return path!;
    }

    /// <summary>The repository's root: the folder that holds Moe.sln.</summary>
    public static string RepositoryRoot { get; } = FindRepository();

    private static string FindRepository()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Moe.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? AppContext.BaseDirectory;
    }

    private static string? Find()
    {
        string path = Path.Combine(FindRepository(), "..", "shared");
        return Directory.Exists(path) ? Path.GetFullPath(path) : null;
    }
}
