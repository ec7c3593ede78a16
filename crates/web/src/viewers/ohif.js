// Added by the Causeway node that serves this viewer: the data source is the node itself, and the viewer lives where
// its page is. Everything else is as set above.
(() => {
  const here = new URL('.', document.currentScript.src);
  const dicomweb = new URL('../../dicom-web', here).href;
  const own = {
    routerBasename: here.pathname.replace(/\/$/, ''),
    defaultDataSourceName: 'causeway',
    dataSources: [
      {
        namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
        sourceName: 'causeway',
        configuration: {
          friendlyName: 'Causeway',
          name: 'causeway',
          qidoRoot: dicomweb,
          wadoRoot: dicomweb,
          wadoUriRoot: new URL('../../wado', here).href,
          qidoSupportsIncludeField: true,
          supportsFuzzyMatching: true,
          supportsWildcard: true,
          supportsReject: false,
          dicomUploadEnabled: true,
          imageRendering: 'wadors',
          thumbnailRendering: 'wadors',
          enableStudyLazyLoad: true,
          omitQuotationForMultipartRequest: false,
          singlepart: 'bulkdata',
          bulkDataURI: { enabled: true },
        },
      },
    ],
  };
  const given = window.config;
  window.config =
    typeof given === 'function'
      ? (...services) => Object.assign({}, given(...services), own)
      : Object.assign({}, given, own);
})();
