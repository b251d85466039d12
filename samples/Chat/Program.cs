using ChatSample;

return await CommandLine.RunAsync(args);
